import { dbApplyFeedRequest } from './db-apply-feed-request.js';
import type { ActivityDeps } from './deps.js';
import { rutterDeliverSlice } from './rutter-deliver-slice.js';
import { rutterReadConnection } from './rutter-read-connection.js';

/** Every activity of the service, by its wire name, with its dependencies bound. */
export function createActivities(deps: ActivityDeps) {
  return {
    dbApplyFeedRequest: dbApplyFeedRequest(deps),
    rutterDeliverSlice: rutterDeliverSlice(deps),
    rutterReadConnection: rutterReadConnection(deps),
  };
}

/** What workflows see of the activities: types only. */
export type Activities = ReturnType<typeof createActivities>;
