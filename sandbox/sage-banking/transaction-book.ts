import type { TransactionBody, TransactionRecord } from './records.js';

interface AccountBook {
  /** Ascending by transactionId. */
  bodies: TransactionBody[];
  /** The provider's ids, for ever: they outlive the account's transactions. */
  uniqueIds: Set<string>;
}

/** Transactions per account. Ids only grow, so a list stays sorted by appending. */
export class TransactionBook {
  readonly #books = new Map<string, AccountBook>();

  /** A new one is appended; one with a known id is replaced. */
  put({ accountId, body }: TransactionRecord): void {
    const { bodies, uniqueIds } = this.#bookOf(accountId);
    const index = lowerBound(bodies, body.transactionId);
    bodies[index] = body;
    uniqueIds.add(body.serverTransactionId);
  }

  drop(accountId: string): void {
    this.#bookOf(accountId).bodies = [];
  }

  get(accountId: string, transactionId: number): TransactionBody | undefined {
    const { bodies } = this.#bookOf(accountId);
    const body = bodies[lowerBound(bodies, transactionId)];
    return body?.transactionId === transactionId ? body : undefined;
  }

  has(accountId: string, uniqueId: string): boolean {
    return this.#bookOf(accountId).uniqueIds.has(uniqueId);
  }

  /** Those with `first <= transactionId <= last`, as positions in `list(accountId)`. */
  window(accountId: string, first: number, last: number): { start: number; end: number } {
    const { bodies } = this.#bookOf(accountId);
    return { start: lowerBound(bodies, first), end: lowerBound(bodies, last + 1) };
  }

  list(accountId: string): readonly TransactionBody[] {
    return this.#bookOf(accountId).bodies;
  }

  #bookOf(accountId: string): AccountBook {
    let book = this.#books.get(accountId);
    if (book === undefined) this.#books.set(accountId, (book = { bodies: [], uniqueIds: new Set() }));
    return book;
  }
}

/** Position of the first one with an id of at least `id`. */
function lowerBound(bodies: readonly TransactionBody[], id: number): number {
  let low = 0;
  let high = bodies.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((bodies[middle]?.transactionId ?? 0) < id) low = middle + 1;
    else high = middle;
  }
  return low;
}
