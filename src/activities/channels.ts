import { dbChannels } from '../db/channels.js';
import type { ActivityChannels } from './channel.js';
import { createSharedActivities } from './index.js';
import { rutterChannel } from './rutter/channel.js';
import type { RutterDeps } from './rutter/deps.js';
import { sageBankingChannel } from './sage-banking/channel.js';
import type { SageBankingDeps } from './sage-banking/deps.js';

/** What the worker gives to all activities. */
export type ActivityDeps = RutterDeps & SageBankingDeps;

/** The channels of the service, as its activities see them. */
export const activityChannels = {
  rutter: rutterChannel,
  'sage-banking': sageBankingChannel,
} as const satisfies ActivityChannels<ActivityDeps>;

/** Every activity of the service, by its wire name, with its dependencies bound. */
export function createActivities(deps: ActivityDeps) {
  return {
    ...createSharedActivities<ActivityDeps>(deps, { channels: activityChannels, dbChannels }),
    ...rutterChannel.createActivities(deps),
    ...rutterChannel.createRepairActivities(deps),
    ...sageBankingChannel.createActivities(deps),
    ...sageBankingChannel.createRepairActivities(deps),
  };
}

/** What workflows see of the activities: types only. */
export type Activities = ReturnType<typeof createActivities>;
