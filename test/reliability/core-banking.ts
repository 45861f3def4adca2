import { storePostings } from '../../src/db/postings.js';
import type { Pool } from '../../src/db/pool.js';
import { limits } from '../../src/domain/limits.js';
import { parsePosting, type Posting } from '../../src/domain/posting-input.js';
import { simulationNowMs, type ExpectedPosting, type SentCall } from './rutter/draw-postings.js';

/**
 * Core banking, with its own books: sends postings through the real ingestion code and keeps, by rules of its own
 * (docs/postings.md), what must be stored. Pending gives way, posted and void are final, equal content is a repeat.
 */
export class CoreBank {
  readonly #books = new Map<string, Map<string, ExpectedPosting>>();
  /** Judgements of the product that differ from what was drawn. */
  readonly breaches: string[] = [];
  conflicts = 0;

  constructor(private readonly pool: Pool) {}

  /** What must be stored for the account, by id. */
  booksOf(accountId: string): ReadonlyMap<string, ExpectedPosting> {
    return this.#books.get(accountId) ?? new Map<string, ExpectedPosting>();
  }

  /** Sends a call; the caller repeats one that threw, as core banking does. */
  async send(account: { accountId: string; currency: string }, call: SentCall): Promise<void> {
    const postings: Posting[] = [];
    for (const item of call.items) {
      const result = parsePosting({ value: item.value, currency: account.currency, nowMs: simulationNowMs });
      if ('posting' in result) postings.push(result.posting);
      const taken = 'posting' in result;
      if (taken === (item.expected !== null)) continue;
      this.breaches.push(`ingestion ${taken ? 'took' : 'refused'} ${JSON.stringify(item.value)}`);
    }
    for (let from = 0; from < postings.length; from += limits.ingestChunkPostings) {
      const chunk = postings.slice(from, from + limits.ingestChunkPostings);
      await storePostings(this.pool, { ...account, postings: chunk });
    }
    for (const item of call.items) this.#keep(account.accountId, item.expected);
  }

  #keep(accountId: string, sent: ExpectedPosting | null): void {
    if (sent === null) return;
    const book = this.#books.get(accountId) ?? new Map<string, ExpectedPosting>();
    this.#books.set(accountId, book);
    const known = book.get(sent.transactionId);
    if (known === undefined || known.status === 'pending') book.set(sent.transactionId, sent);
    else if (JSON.stringify(known) !== JSON.stringify(sent)) this.conflicts += 1;
  }
}
