import { deliveryLimits } from '../../../domain/rutter/delivery-limits.js';
import type { RutterClient } from '../../../clients/rutter/client.js';
import type { RutterTransaction } from '../../../clients/rutter/schemas.js';

export class ListTooLong extends Error {
  override readonly name = 'ListTooLong';
  constructor(pagesMax: number) {
    super(`Rutter's list of transactions does not end within ${String(pagesMax)} pages`);
  }
}

/**
 * What Rutter holds for an account since a time, page by page, by its own list (contract 8.1: all accounts of the
 * connection, no filter for Sage; ordered by update time, so that pages may shift while they are read and a
 * transaction may appear twice).
 *
 * @throws ListTooLong when the list does not end within `pagesMax` pages of 500 transactions of the connection
 */
export async function* transactionsSince(input: {
  rutter: RutterClient;
  accessToken: string;
  rutterAccountId: string;
  sinceMs: number;
  pagesMax: number;
  signal: AbortSignal;
}): AsyncGenerator<RutterTransaction[], void> {
  let cursor: string | undefined;
  for (let page = 0; page < input.pagesMax; page += 1) {
    const answer = await input.rutter.listTransactions({
      accessToken: input.accessToken,
      updatedAtMinMs: input.sinceMs - deliveryLimits.clockSlackMs,
      cursor,
      signal: input.signal,
    });
    yield answer.transactions.filter(({ bankFeedAccountId }) => bankFeedAccountId === input.rutterAccountId);
    if (answer.nextCursor === null) return;
    cursor = answer.nextCursor;
  }
  throw new ListTooLong(input.pagesMax);
}
