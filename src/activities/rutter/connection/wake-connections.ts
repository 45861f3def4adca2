import pLimit from 'p-limit';
import { raiseMissing } from '../../../db/alerts.js';
import { listConnectionsToCheck } from '../../../db/rutter/repair-views.js';
import type { ActivityDeps } from '../../deps.js';
import { sweepPages, type SweepResult, type SweptPage } from '../../repair-pages.js';

/*
 * A connection on which an activation or a recovery is awaited, and whose workflow is gone, is nudged: that starts it.
 * One whose workflow ended by itself after 30 days of waiting is older than what is listed here, so nobody is polled for
 * ever. A repeat is safe: a nudge too many is one look too many.
 */

const pageSize = 1_000;
const pagesMax = 20;
const nudgesMax = 1_000;
const signalsAtOnce = 20;

export function temporalNudgeConnections(deps: ActivityDeps) {
  return async (): Promise<SweepResult> =>
    await sweepPages(deps, {
      name: 'connections',
      pagesMax,
      repairsMax: nudgesMax,
      page: (afterId) => nudgePage(deps, afterId),
    });
}

async function nudgePage(deps: ActivityDeps, afterId: string | null): Promise<SweptPage> {
  const connections = await listConnectionsToCheck(deps.pool, { afterId, limit: pageSize });
  const ids = connections.map(({ connectionId }) => connectionId);
  const missing = new Set(await deps.workflows.missingConnections({ connectionIds: ids }));
  const lost = connections.filter(({ connectionId }) => missing.has(connectionId));
  await raiseMissing(
    deps.pool,
    lost.map((connection) => ({ subject: connection.connectionId, feedId: null, ...connection })),
  );
  await pLimit(signalsAtOnce).map(lost, ({ connectionId }) =>
    deps.workflows.nudgeConnection({ connectionId }),
  );
  const lastId = connections.length < pageSize ? null : (ids.at(-1) ?? null);
  return { lastId, looked: connections.length, repaired: lost.length };
}
