import type { ActivityDeps } from '../deps.js';

/** Rutter's clock and ours may differ by this much. */
const clockSlackMs = 5 * 60_000;
/** Of 500 transactions of the connection: what one activity reads twice within its three minutes. */
export const listPagesMax = 100;
export const pageTransactions = 500;

/**
 * The ids of all transactions that Rutter holds for an account since a time, by its own list (contract 8.1: all
 * accounts of the connection, ordered by update time). Null when the list does not end within `listPagesMax` pages.
 */
export async function listAtRutter(input: {
  deps: ActivityDeps;
  accessToken: string;
  rutterAccountId: string;
  sinceMs: number;
  signal: AbortSignal;
}): Promise<Set<string> | null> {
  const found = new Set<string>();
  let cursor: string | undefined;
  for (let page = 0; page < listPagesMax; page += 1) {
    const answer = await input.deps.rutter.listTransactions({
      accessToken: input.accessToken,
      updatedAtMinMs: input.sinceMs - clockSlackMs,
      cursor,
      signal: input.signal,
    });
    for (const { transactionId, bankFeedAccountId } of answer.transactions) {
      if (transactionId !== null && bankFeedAccountId === input.rutterAccountId) found.add(transactionId);
    }
    if (answer.nextCursor === null) return found;
    cursor = answer.nextCursor;
  }
  return null;
}
