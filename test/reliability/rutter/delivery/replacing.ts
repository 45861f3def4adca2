import { lockLife, recordLife } from '../../../../src/db/account-life.js';
import { transaction } from '../../../../src/db/pool.js';
import type { SentItem, SentPosting } from '../draw-postings.js';
import type { DeliveryAccount, DeliverySimulation } from './simulation.js';

/* An account that replaces the one before it in the plan, and often brings its history with it, under new ids. */

const movedPrefix = 'moved-';
const movedMax = 30;
/** An id with the prefix is still a valid one, and a text with its blanks doubled is not too long. */
const lengthMax = 240;

/** What a `PUT` of the account with `replaces` does. Nothing for the first account, which has none before it. */
export async function replaceBefore(simulation: DeliverySimulation, number: number): Promise<void> {
  const [before, account] = pairOf(simulation, number);
  if (before === undefined || account === undefined) return;
  const { accountId } = account;
  const { pool } = simulation.fixture;
  simulation.counts.buildsMax += simulation.feeds.length;
  await transaction(pool, async (db) => {
    const stored = await lockLife(db, { accountId });
    if (stored === null) throw new Error('an account of the simulation has no row');
    await db.query(`UPDATE accounts SET replaces = $2 WHERE account_id = $1`, [accountId, before.accountId]);
    const after = { closedOn: stored.closedOn, replaces: before.accountId };
    await recordLife(db, { accountId, customerId: stored.customerId, before: stored, after });
  });
  if (simulation.replacedAt.has(accountId)) return;
  const { rows } = await pool.query<{ at: string }>(`SELECT clock_timestamp() AS at`);
  simulation.replacedAt.set(accountId, rows[0]?.at ?? '');
}

/** Core banking sends the history of the account before as that of this one. */
export async function moveHistory(
  simulation: DeliverySimulation,
  step: { readonly account: number; readonly blanksDoubled: boolean },
): Promise<void> {
  const [before, account] = pairOf(simulation, step.account);
  if (before === undefined || account === undefined) return;
  const history = [...simulation.bank.expectedOf(before.accountId).values()].filter(
    ({ status, transactionId, description }) =>
      status === 'posted' &&
      !transactionId.startsWith(movedPrefix) &&
      Math.max(transactionId.length, 2 * description.length) <= lengthMax,
  );
  const items = history.slice(0, movedMax).map((posting): SentItem => {
    const description = step.blanksDoubled ? posting.description.replaceAll(' ', '  ') : posting.description;
    return movedItem({ ...posting, description }, posting.bookingDay);
  });
  if (items.length === 0) return;
  simulation.counts.moves += items.length;
  simulation.counts.buildsMax += simulation.feeds.length;
  await simulation.bank.send(account, { items });
}

function pairOf({ accounts }: DeliverySimulation, number: number): (DeliveryAccount | undefined)[] {
  const index = number % accounts.length;
  return [accounts[index - 1], accounts[index]];
}

function movedItem(posting: Omit<SentPosting, 'date'>, day: string): SentItem {
  const transactionId = `${movedPrefix}${posting.transactionId}`;
  const { amount, description, payee, transactionType } = posting;
  return {
    value: {
      transaction_id: transactionId,
      posted_at: day,
      amount,
      description,
      transaction_type: transactionType,
      ...(payee === null ? {} : { payee }),
    },
    expected: {
      transactionId,
      date: { instantMs: null, writtenDay: day, bookingDate: null },
      amount,
      description,
      payee,
      transactionType,
      status: 'posted',
      corrects: null,
    },
  };
}
