import type {
  SageBankingClient,
  SageCompanyAccess,
  SageTransactionPage,
} from '../../../clients/sage-banking/client.js';
import { isSageAnswerTooLarge, type SageOutcomeUnknown } from '../../../clients/sage-banking/errors.js';
import type { SageBankAccount } from '../../../clients/sage-banking/schemas.js';

/** Ids of the first request after an answer that was too large to read: half of a page (contract 7.1). */
const idsOfLessMax = 50;

/** Ids after an unreadable one that are read to prove that the limits of a request are respected. */
const provingIdsMax = 3;

/** The outcome of one request for transactions. */
export type NextPage =
  | { readonly kind: 'page'; readonly page: SageTransactionPage }
  /** The answer was too large to read, or there was nothing in a short range: the next request is another one. */
  | { readonly kind: 'retry'; readonly nextIndex: number }
  /** This transaction alone is too large to be read. */
  | { readonly kind: 'too_large'; readonly transactionId: number };

/**
 * Reads the pages of one account. After an answer that was too large to read it asks for half as many ids, down to one
 * transaction. That one is passed only when Sage's account says that it exists and another request shows that Sage
 * respects the range: then it was this transaction that was too large, and not the account or a whole page.
 *
 * @throws the error of the request
 */
export function createPageReader(input: {
  client: Pick<SageBankingClient, 'readTransactions' | 'getBankAccount'>;
  access: SageCompanyAccess;
  bankAccountId: string;
  signal: AbortSignal;
}): (startIndex: number) => Promise<NextPage> {
  const { client, ...call } = input;
  /** Null: whole pages. */
  let idsMax: number | null = null;
  let tooLarge: SageOutcomeUnknown | null = null;

  async function passUnreadable(id: number, error: SageOutcomeUnknown): Promise<NextPage> {
    const account = await client.getBankAccount(call);
    if (!exists(account, id) || !(await respectsRange(client, call, id))) throw error;
    idsMax = null;
    return { kind: 'too_large', transactionId: id };
  }

  return async (startIndex) => {
    const endIndex: number | undefined = idsMax === null ? undefined : startIndex + idsMax - 1;
    let page: SageTransactionPage;
    try {
      page = await client.readTransactions({ ...call, startIndex, endIndex });
    } catch (error) {
      if (!isSageAnswerTooLarge(error)) throw error;
      tooLarge = error;
      if (idsMax === 1) return await passUnreadable(startIndex, error);
      idsMax = idsMax === null ? idsOfLessMax : Math.floor(idsMax / 2);
      return { kind: 'retry', nextIndex: startIndex };
    }
    if (endIndex === undefined) return { kind: 'page', page };
    if (page.transactions.length > 0) {
      idsMax = null;
      return { kind: 'page', page: { ...page, hasMore: true } };
    }
    // A gap, unless Sage may still give these ids.
    if (!exists(page.account, endIndex))
      throw tooLarge ?? new Error('a range without the answer that led to it');
    return { kind: 'retry', nextIndex: endIndex + 1 };
  };
}

/** Ids grow, so every id up to the account's last one was given or left out (contract 7.1). */
function exists({ lastTransactionId }: SageBankAccount, id: number): boolean {
  return lastTransactionId != null && lastTransactionId >= id;
}

/** Whether a request for one neighbouring id answers that one at most. */
async function respectsRange(
  client: Pick<SageBankingClient, 'readTransactions'>,
  call: { access: SageCompanyAccess; bankAccountId: string; signal: AbortSignal },
  unreadableId: number,
): Promise<boolean> {
  const before = unreadableId > 1 ? [unreadableId - 1] : [];
  const after = Array.from({ length: provingIdsMax }, (_, index) => unreadableId + 1 + index);
  for (const id of [...before, ...after]) {
    try {
      const { transactions } = await client.readTransactions({ ...call, startIndex: id, endIndex: id });
      return transactions.every(({ transactionId }) => transactionId === id);
    } catch (error) {
      if (!isSageAnswerTooLarge(error)) throw error;
    }
  }
  return false;
}
