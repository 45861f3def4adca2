import { isDeepStrictEqual } from 'node:util';
import type { SageAccountRow } from '../../../src/db/sage-banking/accounts.js';
import { listStoredTransactions } from '../../../src/db/sage-banking/transactions.js';
import { sageBankAccountWorkflowId } from '../../../src/domain/ids.js';
import {
  accountsAtSage,
  noteBook,
  openSageBankingAccounts,
  sageBankingAccounts,
  type AccountAtSage,
  type SageBankingBook,
  type SageBankingActors,
} from './actors.js';
import type { SageBankingFixture } from './fixture.js';
import { checkSageRules } from './rules-checker.js';
import type { SageBankingWatch } from './watch.js';

/*
 * The sandbox's own state and our tables beside each other. The books of the run outlive the accounts: what Sage deletes
 * with an account, they still have.
 */

interface Checked {
  readonly actors: SageBankingActors;
  readonly watch: SageBankingWatch;
}

/** A run of one account has at most a few hundred. */
const storedMax = 10_000;
/** Of the sandbox's knob: it shows them to the client, and keeps them nowhere. */
const announcedNowhere = ['introducedLater', 'newFlag'];

/** While accounts are open: accounts, transactions and rules are those of Sage. */
export async function checkSageBooks(
  fixture: SageBankingFixture,
  { actors, watch }: Checked,
): Promise<string[]> {
  const atSage = await accountsAtSage(fixture, actors);
  const ours = await sageBankingAccounts(fixture, actors);
  const found = [...checkTwins(atSage), ...checkAccounts(atSage, ours)];
  for (const account of ours) {
    if (account.status !== 'cancelled') await noteBook(fixture, actors, account.bankAccountId);
    found.push(...(await checkTransactions(fixture, { account, actors, watch })));
  }
  found.push(...(await checkSageRules(fixture, actors, ours)));
  return found;
}

/** At the very end every account is cancelled, and what stood in it before is stored. */
export async function checkSageEnd(
  fixture: SageBankingFixture,
  { actors, watch }: Checked,
): Promise<string[]> {
  const found: string[] = [];
  const atSage = await accountsAtSage(fixture, actors);
  const ours = await sageBankingAccounts(fixture, actors);
  found.push(...checkAccounts(atSage, ours));
  for (const account of ours) {
    if (account.status !== 'cancelled') found.push(`an account is ${account.status} after its end`);
    found.push(...(await checkTransactions(fixture, { account, actors, watch })));
  }
  return found;
}

/** One open account at Sage for one bank account of a company. */
function checkTwins(atSage: readonly AccountAtSage[]): string[] {
  const seen = new Set<string>();
  return atSage.flatMap(({ companyId, bankId, accountIdentifier, status }) => {
    if (status === 'cancelled') return [];
    const identity = JSON.stringify([companyId, bankId, accountIdentifier]);
    if (seen.has(identity)) return ['two open accounts at Sage for one bank account'];
    seen.add(identity);
    return [];
  });
}

/** Each account at Sage came of a link of ours, so each stands in our table, once and as Sage has it. */
function checkAccounts(atSage: readonly AccountAtSage[], ours: readonly SageAccountRow[]): string[] {
  const found: string[] = [];
  for (const account of atSage) {
    const rows = ours.filter(({ bankAccountId }) => bankAccountId === account.bankAccountId);
    const [row] = rows;
    if (row === undefined || rows.length > 1)
      found.push(`an account (${account.status}) at Sage stands ${String(rows.length)} times in our table`);
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
  { account, actors, watch }: Checked & { account: SageAccountRow },
): Promise<string[]> {
  const { sageAccountId, status } = account;
  const book: SageBankingBook = actors.books.get(account.bankAccountId) ?? new Map();
  const stored = await listStoredTransactions(fixture.pool, { sageAccountId, afterId: 0, limit: storedMax });
  const found: string[] = [];
  const say = (text: string) => found.push(`transactions of a ${status} account: ${text}`);
  for (const { transactionId, body } of stored) {
    const posted = book.get(transactionId);
    if (posted === undefined) say(`${String(transactionId)} was never posted`);
    else if (!isDeepStrictEqual(contentOf(body), contentOf(posted)))
      say(`${String(transactionId)} says something else than at Sage`);
  }
  const ids = new Set(stored.map(({ transactionId }) => transactionId));
  const missing = due({ account, actors, watch, book }).filter((id) => !ids.has(id));
  if (missing.length > 0) say(`${String(missing.length)} are missing, the first is ${String(missing[0])}`);
  const lastId = stored.at(-1)?.transactionId ?? 0;
  if (account.lastTransactionId !== lastId)
    say(`the cursor is ${String(account.lastTransactionId)}, the last id ${String(lastId)}`);
  if (account.received !== stored.length)
    say(`${String(account.received)} counted, ${String(stored.length)} stored`);
  return found;
}

/** Ids that must be stored: all, or of a cancelled account what stood there when its end was asked for. */
function due({
  account,
  actors,
  watch,
  book,
}: Checked & { account: SageAccountRow; book: SageBankingBook }): readonly number[] {
  if (account.status !== 'cancelled') return [...book.keys()];
  // Its end does not wait for an account that Sage refuses to show.
  if (watch.wasRefused(sageBankAccountWorkflowId(account.sageAccountId))) return [];
  return actors.atCancellation.get(account.sageAccountId) ?? [];
}

/** Without suggestions: those change. */
function contentOf(body: unknown): unknown {
  const entries = Object.entries(body as Record<string, unknown>);
  return Object.fromEntries(
    entries.filter(([name]) => name !== 'predictedActions' && !announcedNowhere.includes(name)),
  );
}

/** After a run over all pending ones with nothing in its way, suggestions are those of Sage. */
export async function checkSagePredictions(
  fixture: SageBankingFixture,
  actors: SageBankingActors,
): Promise<string[]> {
  const found: string[] = [];
  for (const { sageAccountId, bankAccountId } of await openSageBankingAccounts(fixture, actors)) {
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
