import type { WorkflowChannels } from './channel.js';
import { rutterChannel } from './rutter/channel.js';
import { sageBankingChannel } from './sage-banking/channel.js';

/** The channels of the service, as the shared workflows see them. */
export const workflowChannels: WorkflowChannels = {
  rutter: rutterChannel,
  'sage-banking': sageBankingChannel,
};
