import type { DbChannels } from '../db/channel.js';
import type { ActivityChannels } from './channel.js';
import type { SharedDeps } from './deps.js';
import { temporalEndCommands } from './end-commands.js';
import { dbFailCommand } from './fail-command.js';
import { dbReviewAlerts } from './review-alerts.js';
import { providerRunCommand } from './run-command.js';

/** Activities that serve every channel, by wire name. */
export type SharedActivities = ReturnType<typeof createSharedActivities>;

/** The shared activities with their dependencies bound; they reach a channel only through the registries. */
export function createSharedActivities<Deps extends SharedDeps>(
  deps: Deps,
  { channels, dbChannels }: { channels: ActivityChannels<Deps>; dbChannels: DbChannels },
) {
  return {
    dbFailCommand: dbFailCommand(deps, channels),
    dbReviewAlerts: dbReviewAlerts(deps, { channels, dbChannels }),
    providerRunCommand: providerRunCommand(deps, channels),
    temporalEndCommands: temporalEndCommands(deps, channels),
  };
}
