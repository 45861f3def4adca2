import pLimit from 'p-limit';
import { raiseMissing } from '../../../db/alerts.js';
import { listConnectionsToCheck } from '../../../db/rutter/repair-views.js';
import type { RutterDeps } from '../deps.js';
import { repairPages, type RepairResult, type RepairedPage } from '../../repair-pages.js';

/*
 * Wakes connections that wait for an activation or a recovery and whose workflow does not exist: that starts it. A
 * workflow that ended by itself after 30 days of waiting is older than the listed ones, so no connection is polled for
 * ever. A repeat is safe: a wake-up too many is one check too many.
 */

const pageSize = 1_000;
const pagesMax = 20;
const wakeUpsMax = 1_000;
const signalsAtOnce = 20;

export function temporalRestartConnections(deps: RutterDeps) {
  return async (): Promise<RepairResult> =>
    await repairPages(deps, {
      name: 'connections',
      pagesMax,
      repairsMax: wakeUpsMax,
      page: (afterId) => wakePage(deps, afterId),
    });
}

async function wakePage(deps: RutterDeps, afterId: string | null): Promise<RepairedPage> {
  const connections = await listConnectionsToCheck(deps.pool, { afterId, limit: pageSize });
  const ids = connections.map(({ connectionId }) => connectionId);
  const missing = new Set(await deps.workflows.missingConnections({ connectionIds: ids }));
  const lost = connections.filter(({ connectionId }) => missing.has(connectionId));
  await raiseMissing(
    deps.pool,
    lost.map((connection) => ({ subject: connection.connectionId, feedId: null, ...connection })),
  );
  await pLimit(signalsAtOnce).map(lost, ({ connectionId }) =>
    deps.workflows.wakeConnection({ connectionId }),
  );
  const lastId = connections.length < pageSize ? null : (ids.at(-1) ?? null);
  return { lastId, checked: connections.length, repaired: lost.length };
}
