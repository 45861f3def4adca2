import type { RutterRepairActivity } from '../../activities/rutter/channel.js';
import type { WorkflowChannel } from '../channel.js';

export const rutterChannel = {
  id: 'rutter',
  repairActivities: [
    'temporalRestartFeeds',
    'temporalRestartConnections',
    'temporalWakeFeeds',
  ] satisfies RutterRepairActivity[],
} as const satisfies WorkflowChannel;
