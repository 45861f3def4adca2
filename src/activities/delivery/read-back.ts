import type { RutterClient } from '../../clients/rutter/client.js';
import type { RutterTransaction } from '../../clients/rutter/schemas.js';

/** Rutter's clock and ours may differ by this much when we ask for everything since the first POST. */
const clockSlackMs = 5 * 60_000;
/** Pages of 500: ten thousand transactions of the connection since the first POST, then a person must look. */
const readBackPagesMax = 20;

export class ReadBackTooLong extends Error {
  constructor() {
    super(`more than ${String(readBackPagesMax)} pages of transactions since the first POST`);
    this.name = 'ReadBackTooLong';
  }
}

/**
 * Which of the given transaction ids Rutter holds for an account, by its own list (contract 8.1: all accounts of the
 * connection, no filter for Sage; ordered by update time, so that a page may shift while it is read and ids are
 * gathered into a set).
 *
 * @throws ReadBackTooLong when the list does not end within its limit
 */
export async function readBack(input: {
  rutter: RutterClient;
  accessToken: string;
  rutterAccountId: string;
  transactionIds: ReadonlySet<string>;
  firstPostAtMs: number;
  signal: AbortSignal;
}): Promise<RutterTransaction[]> {
  const found = new Map<string, RutterTransaction>();
  let cursor: string | undefined;
  for (let page = 0; page < readBackPagesMax; page += 1) {
    const answer = await input.rutter.listTransactions({
      accessToken: input.accessToken,
      updatedAtMinMs: input.firstPostAtMs - clockSlackMs,
      cursor,
      signal: input.signal,
    });
    for (const transaction of answer.transactions) {
      const id = transaction.transactionId;
      const ours = transaction.bankFeedAccountId === input.rutterAccountId;
      if (ours && id !== null && input.transactionIds.has(id)) found.set(id, transaction);
    }
    if (answer.nextCursor === null || found.size === input.transactionIds.size) return [...found.values()];
    cursor = answer.nextCursor;
  }
  throw new ReadBackTooLong();
}
