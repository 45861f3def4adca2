import { storePostings } from '../../../src/db/postings.js';
import type { Pool } from '../../../src/db/pool.js';
import { limits } from '../../../src/domain/limits.js';
import { parsePosting, type ReceivedPosting } from '../../../src/domain/posting-input.js';
import { simulationNowMs, type ExpectedPosting, type SentCall } from './draw-postings.js';

/** The codes of a withdrawal that came too late: whether it does depends on the moment, so the answer decides. */
const tooLate: ReadonlySet<string> = new Set(['already_in_batch', 'already_refused']);

/**
 * Core banking: sends postings through the real ingestion code and keeps its own record of what must be stored, by the
 * rules of docs/postings.md. A pending posting is replaced, equal content or an earlier pending version is a repeat,
 * posted is final but for a withdrawal that is not too late, and void is final. A withdrawal that was accepted must
 * keep its posting out of the book, which the checker sees.
 */
export class CoreBanking {
  readonly #expected = new Map<string, Map<string, ExpectedPosting>>();
  /** Every pending version that was replaced, with its account. */
  readonly #earlier = new Set<string>();
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
    const late = new Set<string>();
    for (let from = 0; from < postings.length; from += limits.ingestChunkPostings) {
      const chunk = postings.slice(from, from + limits.ingestChunkPostings);
      const { conflicts } = await storePostings(this.pool, { ...account, postings: chunk });
      for (const { transactionId, code } of conflicts) if (tooLate.has(code)) late.add(transactionId);
    }
    for (const item of call.items) this.#record(account.accountId, item.expected, late);
  }

  #record(accountId: string, sent: ExpectedPosting | null, late: ReadonlySet<string>): void {
    if (sent === null) return;
    const postings = this.#expected.get(accountId) ?? new Map<string, ExpectedPosting>();
    this.#expected.set(accountId, postings);
    const known = postings.get(sent.transactionId);
    const version = (posting: ExpectedPosting) => JSON.stringify([accountId, posting]);
    if (known !== undefined && (version(known) === version(sent) || this.#earlier.has(version(sent)))) return;
    const withdraws = known?.status === 'posted' && sent.status === 'void' && !late.has(sent.transactionId);
    if (known !== undefined && known.status !== 'pending' && !withdraws) {
      this.conflicts += 1;
      return;
    }
    if (known?.status === 'pending') this.#earlier.add(version(known));
    postings.set(sent.transactionId, sent);
  }
}
