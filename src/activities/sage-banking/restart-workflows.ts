import pLimit from 'p-limit';
import { raiseMissing } from '../../db/alerts.js';
import type { Pool } from '../../db/pool.js';
import { listSageAccountsToCheck } from '../../db/sage-banking/account-life.js';
import { listLinksToCheck } from '../../db/sage-banking/bank-links.js';
import { listOnboardingsToCheck } from '../../db/sage-banking/onboardings.js';
import { listReprocessesToCheck } from '../../db/sage-banking/reprocesses.js';
import { sageRepairTasks } from '../../db/sage-banking/channel.js';
import { markRepairRun } from '../../db/repair-tasks.js';
import type { SageBankingDeps, SageBankingParts } from './deps.js';
import { repairPages, type RepairResult, type RepairedPage } from '../repair-pages.js';

/*
 * Starts missing workflows of this channel again from their rows: of accounts, and of open onboardings, links and reprocess
 * runs, which are few, so all of them are started; an onboarding with a requested check is signaled. Each kind has its own
 * position in `repair_tasks`, page by page, so that no kind delays another. A repeat is safe: a start finds the running
 * workflow, a signal only makes it check. Limits: as for feeds, and `openKindMaxMs` for each of the open kinds.
 */

const pageSize = 1_000;
const pagesMax = 100;
const restartsMax = 2_000;
const openPageSize = 500;
/** Three kinds and the accounts (`limits.repairTaskMaxMs`) fit into one attempt. */
const openKindMaxMs = 8_000;
const callsAtOnce = 20;

export function temporalRestartSageWorkflows(deps: SageBankingDeps) {
  return async (): Promise<RepairResult> => {
    const { sage } = deps;
    if (sage === null) {
      // The channel is not configured: its rows stay unchanged, but the tasks count as run.
      for (const name of sageRepairTasks) await markRepairRun(deps.pool, { name });
      return { checked: 0, repaired: 0, roundEnded: true };
    }
    for (const { name, page } of openKinds(deps.pool, sage)) {
      await repairPages(deps, { name, pagesMax, repairsMax: Infinity, maxMs: openKindMaxMs, page });
    }
    return await repairPages(deps, {
      name: 'sage_accounts',
      pagesMax,
      repairsMax: restartsMax,
      page: (afterId) => restartPage(deps.pool, sage, afterId),
    });
  };
}

interface OpenKind {
  readonly name: string;
  readonly page: (afterId: string | null) => Promise<RepairedPage>;
}

function openKinds(pool: Pool, { workflows }: SageBankingParts): OpenKind[] {
  const kind = <Row>(
    name: string,
    input: {
      list: (page: { afterId: string | null; limit: number }) => Promise<Row[]>;
      idOf: (row: Row) => string;
      restart: (row: Row) => Promise<void>;
    },
  ): OpenKind => ({
    name,
    page: async (afterId) => {
      const rows = await input.list({ afterId, limit: openPageSize });
      await pLimit(callsAtOnce).map(rows, input.restart);
      const last = rows.at(-1);
      const lastId = rows.length < openPageSize || last === undefined ? null : input.idOf(last);
      return { lastId, checked: rows.length, repaired: 0 };
    },
  });
  return [
    kind('sage_onboardings', {
      list: (page) => listOnboardingsToCheck(pool, page),
      idOf: ({ onboardingId }) => onboardingId,
      restart: (row) =>
        row.isCheckRequested ? workflows.onboardingChanged(row) : workflows.startOnboarding(row),
    }),
    kind('sage_links', {
      list: (page) => listLinksToCheck(pool, page),
      idOf: (linkId) => linkId,
      restart: (linkId) => workflows.startLink({ linkId }),
    }),
    kind('sage_reprocesses', {
      list: (page) => listReprocessesToCheck(pool, page),
      idOf: (reprocessId) => reprocessId,
      restart: (reprocessId) => workflows.startReprocess({ reprocessId }),
    }),
  ];
}

async function restartPage(
  pool: Pool,
  { workflows }: SageBankingParts,
  afterId: string | null,
): Promise<RepairedPage> {
  const accounts = await listSageAccountsToCheck(pool, { afterId, limit: pageSize });
  const sageAccountIds = accounts.map(({ sageAccountId }) => sageAccountId);
  const missing = new Set(await workflows.missingAccounts({ sageAccountIds }));
  const lost = accounts.filter(({ sageAccountId }) => missing.has(sageAccountId));
  // Alerts first: if the run stops in between, they name what the next run repairs.
  await raiseMissing(
    pool,
    lost.map((account) => ({ subject: account.sageAccountId, feedId: account.sageAccountId, ...account })),
  );
  await pLimit(callsAtOnce).map(lost, ({ sageAccountId }) => workflows.wakeAccount({ sageAccountId }));
  const lastId = accounts.length < pageSize ? null : (accounts.at(-1)?.sageAccountId ?? null);
  return { lastId, checked: accounts.length, repaired: lost.length };
}
