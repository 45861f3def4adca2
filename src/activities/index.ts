import type { ActivityDeps } from './deps.js';

/** Every activity of the service, by its wire name, with its dependencies bound. */
export function createActivities(_deps: ActivityDeps) {
  return {};
}

/** What workflows see of the activities: types only. */
export type Activities = ReturnType<typeof createActivities>;
