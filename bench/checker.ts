import type { BenchSandbox, BookedAccount } from './rutter/sandbox.js';
import { postingId } from './rutter/seed-feeds.js';
import type { SeededFeed } from '../test/support/rutter/seed-feed.js';

/**
 * Compares the sandbox's book with what was to be delivered: posting by posting, in order, once; and no breach of the
 * contract. Speed that ends with another book does not count.
 *
 * @param input.count postings of each feed, those numbered from 0 on
 * @returns one sentence for each fault; empty when all is well
 */
export async function check(
  sandbox: BenchSandbox,
  input: { feeds: readonly Pick<SeededFeed, 'feedId' | 'rutterAccountId'>[]; count: number; run: string },
): Promise<string[]> {
  const faults: string[] = [];
  for (const feed of input.feeds) {
    const fault = faultOf(await sandbox.book(feed.rutterAccountId), input.count);
    if (fault !== undefined) faults.push(`${input.run}, feed ${feed.feedId}: ${fault}`);
  }
  for (const { rule, detail } of await sandbox.violations()) faults.push(`${input.run}: ${rule}: ${detail}`);
  return faults;
}

function faultOf(account: BookedAccount, count: number): string | undefined {
  const booked = account.transactions.map((transaction) => transaction.transaction_id);
  const distinct = new Set(booked).size;
  if (distinct !== booked.length) return `${booked.length - distinct} postings are booked twice`;
  const repeated = account.batches.reduce((total, batch) => total + batch.duplicates, 0);
  if (repeated > 0) return `${repeated} postings were sent again although they were booked`;
  if (booked.length !== count) return `${booked.length} of ${count} postings are booked`;
  const wrong = booked.findIndex((id, index) => id !== postingId(index));
  return wrong === -1 ? undefined : `posting ${wrong} is ${booked[wrong] ?? ''}: lost or out of order`;
}
