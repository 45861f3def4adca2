import type { RutterRepairActivity } from '../../activities/rutter/channel.js';
import type { WorkflowChannel } from '../channel.js';

export const rutterChannel = {
  id: 'rutter',
  repairActivities: [
    'temporalRestartFeeds',
    'temporalRestartConnections',
    'temporalWakeFeeds',
    'temporalRestartHandoffs',
  ] satisfies RutterRepairActivity[],
} as const satisfies WorkflowChannel;
