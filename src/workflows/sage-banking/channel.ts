import type { SageBankingRepairActivity } from '../../activities/sage-banking/channel.js';
import type { WorkflowChannel } from '../channel.js';

export const sageBankingChannel = {
  id: 'sage-banking',
  repairActivities: ['temporalRestartSageWorkflows'] satisfies SageBankingRepairActivity[],
} as const satisfies WorkflowChannel;
