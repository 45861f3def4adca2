import { storePostings } from '../../../src/db/postings.js';
import type { Pool } from '../../../src/db/pool.js';
import { limits } from '../../../src/domain/limits.js';
import { parsePosting, type ReceivedPosting } from '../../../src/domain/posting-input.js';
import { simulationNowMs, type ExpectedPosting, type SentCall } from './draw-postings.js';

/**
 * Core banking: sends postings through the real ingestion code and keeps its own record of what must be stored, by the
 * rules of docs/postings.md. A pending posting is replaced, posted and void are final, equal content is a repeat.
 */
export class CoreBanking {
  readonly #expected = new Map<string, Map<string, ExpectedPosting>>();
  /** Items that ingestion accepted or rejected although the plan expects the opposite. */
  readonly violations: string[] = [];
  conflicts = 0;

  constructor(private readonly pool: Pool) {}

  /** What must be stored for the account, by id. */
  expectedOf(accountId: string): ReadonlyMap<string, ExpectedPosting> {
    return this.#expected.get(accountId) ?? new Map<string, ExpectedPosting>();
  }

  /** Sends a call. A caller whose call throws sends it again, as core banking does. */
  async send(account: { accountId: string; currency: string }, call: SentCall): Promise<void> {
    const postings: ReceivedPosting[] = [];
    for (const item of call.items) {
      const result = parsePosting({
        value: item.value,
        currency: account.currency,
        accountType: 'bank',
        signCheck: 'reject',
        timeZone: null,
        nowMs: simulationNowMs,
      });
      if ('posting' in result) postings.push(result.posting);
      const accepted = 'posting' in result;
      if (accepted === (item.expected !== null)) continue;
      this.violations.push(`ingestion ${accepted ? 'accepted' : 'rejected'} ${JSON.stringify(item.value)}`);
    }
    for (let from = 0; from < postings.length; from += limits.ingestChunkPostings) {
      const chunk = postings.slice(from, from + limits.ingestChunkPostings);
      await storePostings(this.pool, { ...account, postings: chunk });
    }
    for (const item of call.items) this.#record(account.accountId, item.expected);
  }

  #record(accountId: string, sent: ExpectedPosting | null): void {
    if (sent === null) return;
    const postings = this.#expected.get(accountId) ?? new Map<string, ExpectedPosting>();
    this.#expected.set(accountId, postings);
    const known = postings.get(sent.transactionId);
    if (known === undefined || known.status === 'pending') postings.set(sent.transactionId, sent);
    else if (JSON.stringify(known) !== JSON.stringify(sent)) this.conflicts += 1;
  }
}
