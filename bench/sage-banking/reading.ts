import { createFacade } from '../../src/temporal/channels.js';
import { readSageAccount } from '../../src/db/sage-banking/accounts.js';
import {
  makeSageAccount,
  postStatement,
  someLines,
  type SageTestAccount,
} from '../../test/support/sage-banking/account.js';
import type { BenchCase, CaseContext } from '../rutter/bench-case.js';
import { startSageSandbox, type BenchSage } from './sandbox.js';
import { waitUntil } from '../wait-until.js';

const transactions = 100_000;
const pageSize = 100;
const readingMs = 600_000;

/** Reading by cursor at Sage's Banking Service: what it costs of requests and tokens, and how fast rows are stored. */
export const sageReading: BenchCase = {
  name: 'sage-reading',
  about: `an account of ${transactions.toLocaleString('en')} transactions at Sage's Banking Service, read by cursor and stored`,
  run: async (context) => {
    const { fixture, printLine } = context;
    await fixture.freshSandbox();
    const sage = await startSageSandbox(fixture);
    try {
      const account = await makeSageAccount(sage, {});
      printLine('  sending statements to the sandbox');
      await postStatement(sage, account, someLines(transactions));
      const alone = await readAlone(sage, account);
      const worker = await fixture.startWorker(sage.environment);
      const before = await sage.counters();
      const stored = await readByService(context, account);
      const after = await sage.counters();
      await worker.stop();
      const count = (name: string): number => (after[name] ?? 0) - (before[name] ?? 0);
      const reads = count('transaction_reads');
      const calls = count('requests') - count('token_fetches');
      const ratio = stored.rows / stored.seconds / (transactions / alone.seconds);
      return {
        figures: [
          {
            name: 'requests for transactions',
            value: reads,
            unit: '',
            mark: { kind: 'exactly', value: Math.ceil(transactions / pageSize) },
            note: `the least possible is ${Math.ceil(transactions / pageSize)}`,
          },
          { name: 'other requests but tokens', value: calls - reads, unit: '' },
          {
            name: 'token fetches per 1,000 calls',
            digits: 2,
            unit: '',
            value: (count('token_fetches') / calls) * 1_000,
            note: `${count('token_fetches')} in all; one lasts 18 minutes`,
          },
          {
            name: 'read and stored',
            value: stored.rows / stored.seconds,
            unit: 'rows/s',
            note: `${stored.seconds.toFixed(1)} s; each page its own durable transaction`,
          },
          {
            name: 'read alone, nothing stored',
            value: transactions / alone.seconds,
            unit: 'rows/s',
            note: 'the same client, one page after the other',
          },
          { name: 'stored, ratio to read alone', value: ratio, digits: 2, unit: '' },
        ],
        faults: [...(await sage.faults()), ...stored.faults],
      };
    } finally {
      await sage.stop();
    }
  },
};

/** The lower bound: pages one after the other, with the same client, without storing them. */
async function readAlone(sage: BenchSage, account: SageTestAccount): Promise<{ seconds: number }> {
  const client = sage.deps.sage?.client;
  if (client === undefined) throw new Error('no client');
  const startedMs = performance.now();
  let startIndex = 1;
  for (let pages = 0; pages < transactions; pages += 1) {
    const page = await client.readTransactions({ ...account, startIndex });
    if (!page.hasMore) return { seconds: (performance.now() - startedMs) / 1_000 };
    startIndex = page.endIndex + 1;
  }
  throw new Error('pages without an end');
}

/** From the first signal until the row shows that every transaction is stored. */
async function readByService(context: CaseContext, account: SageTestAccount) {
  const { fixture, signal } = context;
  const startedMs = performance.now();
  await createFacade(fixture.temporal).wakeAccount(account);
  const row = await waitUntil(
    async () => {
      const read = await readSageAccount(fixture.pool, account);
      return read !== null && read.received >= transactions ? read : undefined;
    },
    { what: 'every transaction is stored', everyMs: 50, timeoutMs: readingMs, signal },
  );
  const seconds = (performance.now() - startedMs) / 1_000;
  const { rows } = await fixture.pool.query<{ count: number; last: string }>(
    `SELECT count(*)::int AS count, max(transaction_id) AS last FROM sage_transactions WHERE sage_account_id = $1`,
    [account.sageAccountId],
  );
  const found = rows[0];
  const faults =
    found?.count === transactions && Number(found.last) === row.lastTransactionId
      ? []
      : [`stored ${found?.count ?? 0} of ${transactions}`];
  return { rows: transactions, seconds, faults };
}
