import { isDeepStrictEqual } from 'node:util';
import type { SageAccountRow } from '../../../src/db/sage-banking/accounts.js';
import { listStoredTransactions } from '../../../src/db/sage-banking/transactions.js';
import { sageBankAccountWorkflowId } from '../../../src/domain/ids.js';
import {
  accountsAtSage,
  updateBook,
  listOpenAccounts,
  listAccounts,
  type AccountAtSage,
  type AccountBook,
  type Actors,
} from './actors.js';
import type { SageBankingFixture } from './fixture.js';
import { checkRules } from './rules-checker.js';
import type { RunMonitor } from './monitor.js';

/*
 * The checker: compares the state of the sandbox with our tables. The books of the run keep what Sage deletes together
 * with an account.
 */

interface Checked {
  readonly actors: Actors;
  readonly monitor: RunMonitor;
}

/** More than an account has in one run. */
const storedMax = 10_000;
/** Fields that a knob of the sandbox adds to answers and does not store. */
const knobOnlyFields = ['introducedLater', 'newFlag'];

/** While accounts are open: our accounts, transactions and rules are those of Sage. */
export async function checkOpenAccounts(
  fixture: SageBankingFixture,
  { actors, monitor }: Checked,
): Promise<string[]> {
  const atSage = await accountsAtSage(fixture, actors);
  const ours = await listAccounts(fixture, actors);
  const found = [...checkDuplicates(atSage), ...checkAccounts(atSage, ours)];
  for (const account of ours) {
    if (account.status !== 'cancelled') await updateBook(fixture, actors, account.bankAccountId);
    found.push(...(await checkTransactions(fixture, { account, actors, monitor })));
  }
  found.push(...(await checkRules(fixture, actors, ours)));
  return found;
}

/** At the end every account is cancelled, and the transactions that it had before are stored. */
export async function checkCancelledAccounts(
  fixture: SageBankingFixture,
  { actors, monitor }: Checked,
): Promise<string[]> {
  const found: string[] = [];
  const atSage = await accountsAtSage(fixture, actors);
  const ours = await listAccounts(fixture, actors);
  found.push(...checkAccounts(atSage, ours));
  for (const account of ours) {
    if (account.status !== 'cancelled') found.push(`an account is ${account.status} after its cancellation`);
    found.push(...(await checkTransactions(fixture, { account, actors, monitor })));
  }
  return found;
}

/** One open account at Sage for one bank account of a company. */
function checkDuplicates(atSage: readonly AccountAtSage[]): string[] {
  const seen = new Set<string>();
  return atSage.flatMap(({ companyId, bankId, accountIdentifier, status }) => {
    if (status === 'cancelled') return [];
    const identity = JSON.stringify([companyId, bankId, accountIdentifier]);
    if (seen.has(identity)) return ['two open accounts at Sage for one bank account'];
    seen.add(identity);
    return [];
  });
}

/** Each account at Sage was created by one of our links, so our table has it once, with Sage's status. */
function checkAccounts(atSage: readonly AccountAtSage[], ours: readonly SageAccountRow[]): string[] {
  const found: string[] = [];
  for (const account of atSage) {
    const rows = ours.filter(({ bankAccountId }) => bankAccountId === account.bankAccountId);
    const [row] = rows;
    if (row === undefined || rows.length > 1)
      found.push(`an account (${account.status}) at Sage is ${String(rows.length)} times in our table`);
    else if (row.status !== account.status)
      found.push(`an account is ${row.status} with us and ${account.status} at Sage`);
  }
  const known = new Set(atSage.map(({ bankAccountId }) => bankAccountId));
  if (ours.some(({ bankAccountId }) => !known.has(bankAccountId)))
    found.push('an account of ours is not at Sage');
  return found;
}

async function checkTransactions(
  fixture: SageBankingFixture,
  { account, actors, monitor }: Checked & { account: SageAccountRow },
): Promise<string[]> {
  const { sageAccountId, status } = account;
  const book: AccountBook = actors.books.get(account.bankAccountId) ?? new Map();
  const stored = await listStoredTransactions(fixture.pool, { sageAccountId, afterId: 0, limit: storedMax });
  const found: string[] = [];
  const report = (text: string) => found.push(`transactions of a ${status} account: ${text}`);
  for (const { transactionId, body } of stored) {
    const posted = book.get(transactionId);
    if (posted === undefined) report(`${String(transactionId)} was never posted`);
    else if (!isDeepStrictEqual(contentOf(body), contentOf(posted)))
      report(`${String(transactionId)} has other content than at Sage`);
  }
  const ids = new Set(stored.map(({ transactionId }) => transactionId));
  const missing = requiredIds({ account, actors, monitor, book }).filter((id) => !ids.has(id));
  if (missing.length > 0) report(`${String(missing.length)} are missing, the first is ${String(missing[0])}`);
  const lastId = stored.at(-1)?.transactionId ?? 0;
  if (account.lastTransactionId !== lastId)
    report(`the cursor is ${String(account.lastTransactionId)}, the last id ${String(lastId)}`);
  if (account.received !== stored.length)
    report(`the count is ${String(account.received)}, ${String(stored.length)} are stored`);
  return found;
}

/** Ids that must be stored: all, or for a cancelled account those at the time of the cancellation request. */
function requiredIds({
  account,
  actors,
  monitor,
  book,
}: Checked & { account: SageAccountRow; book: AccountBook }): readonly number[] {
  if (account.status !== 'cancelled') return [...book.keys()];
  // The cancellation does not wait for an account that Sage refuses to read.
  if (monitor.wasRefused(sageBankAccountWorkflowId(account.sageAccountId))) return [];
  return actors.atCancellation.get(account.sageAccountId) ?? [];
}

/** The content without suggestions, which change. */
function contentOf(body: unknown): unknown {
  const entries = Object.entries(body as Record<string, unknown>);
  return Object.fromEntries(
    entries.filter(([name]) => name !== 'predictedActions' && !knobOnlyFields.includes(name)),
  );
}

/** After a reprocess run without faults over all pending transactions, our suggestions are those of Sage. */
export async function checkSuggestions(fixture: SageBankingFixture, actors: Actors): Promise<string[]> {
  const found: string[] = [];
  for (const { sageAccountId, bankAccountId } of await listOpenAccounts(fixture, actors)) {
    const { transactions } = (await fixture.control('GET', `/accounts/${bankAccountId}`)) as {
      transactions: { transactionId: number; predictedActions: unknown[] }[];
    };
    const stored = await listStoredTransactions(fixture.pool, {
      sageAccountId,
      afterId: 0,
      limit: storedMax,
    });
    const ours = new Map(stored.map((row) => [row.transactionId, row.predictedActions]));
    const differing = transactions.filter(
      ({ transactionId, predictedActions }) => !isDeepStrictEqual(ours.get(transactionId), predictedActions),
    );
    if (differing.length > 0)
      found.push(`suggestions of ${String(differing.length)} transactions are not those of Sage`);
  }
  return found;
}
