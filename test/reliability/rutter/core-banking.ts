import { storePostings } from '../../../src/db/postings.js';
import type { Pool } from '../../../src/db/pool.js';
import { limits } from '../../../src/domain/limits.js';
import { parsePosting, type ReceivedPosting } from '../../../src/domain/posting-input.js';
import { dayIn, noonOf, utcDay } from './calendar.js';
import { simulationNowMs, type SentCall, type SentPosting } from './draw-postings.js';

/** A posting as it must be stored and must arrive in Sage. */
export interface ExpectedPosting extends Omit<SentPosting, 'date'> {
  readonly postedAtMs: number;
  readonly bookingDay: string;
  readonly sendAtMs: number;
  /** It names its day itself. */
  readonly dayGiven: boolean;
}

/** The account that postings are sent for. */
export interface SendingAccount {
  readonly accountId: string;
  readonly currency: string;
  readonly timeZone: string | null;
}

interface KnownPosting {
  readonly posting: ExpectedPosting;
  /** The versions that it had while it was pending. */
  readonly earlier: readonly string[];
}

type Conflicts = { readonly transactionId: string; readonly code: string }[];

/**
 * Core banking: sends postings through the real ingestion code and keeps its own record of what must be stored, by the
 * rules of docs/postings.md. A pending posting is replaced; a posted one is final, but can be withdrawn until it is in a
 * batch; void is final; equal content of the same day and earlier pending versions are repeats.
 */
export class CoreBanking {
  readonly #known = new Map<string, Map<string, KnownPosting>>();
  /** Items that ingestion treated otherwise than the rules say. */
  readonly violations: string[] = [];
  conflicts = 0;
  withdrawals = 0;

  constructor(private readonly pool: Pool) {}

  /** What must be stored for the account, by id. */
  expectedOf(accountId: string): ReadonlyMap<string, ExpectedPosting> {
    const known = [...this.#knownOf(accountId)];
    return new Map(known.map(([id, { posting }]) => [id, posting]));
  }

  /** Sends a call. A caller whose call throws sends it again, as core banking does. */
  async send(account: SendingAccount, call: SentCall): Promise<void> {
    const received: { posting: ReceivedPosting; sent: SentPosting | null }[] = [];
    for (const item of call.items) {
      const result = parsePosting({
        value: item.value,
        currency: account.currency,
        accountType: 'bank',
        signCheck: 'reject',
        timeZone: account.timeZone,
        nowMs: simulationNowMs,
      });
      const accepted = 'posting' in result && result.contradiction === null;
      if (accepted) received.push({ posting: result.posting, sent: item.expected });
      if (accepted === (item.expected !== null)) continue;
      this.violations.push(`ingestion ${accepted ? 'accepted' : 'rejected'} ${JSON.stringify(item.value)}`);
    }
    for (let from = 0; from < received.length; from += limits.ingestChunkPostings) {
      const chunk = received.slice(from, from + limits.ingestChunkPostings);
      const postings = chunk.map(({ posting }) => posting);
      const { accountId, currency } = account;
      const stored = await storePostings(this.pool, { accountId, currency, postings });
      this.#record(account, { sent: chunk.map(({ sent }) => sent), ...stored });
    }
  }

  #knownOf(accountId: string): Map<string, KnownPosting> {
    const known = this.#known.get(accountId) ?? new Map<string, KnownPosting>();
    this.#known.set(accountId, known);
    return known;
  }

  #record(
    account: SendingAccount,
    chunk: {
      sent: readonly (SentPosting | null)[];
      accepted: number;
      repeated: number;
      conflicts: Conflicts | readonly Conflicts[number][];
    },
  ): void {
    const known = this.#knownOf(account.accountId);
    const conflicts = [...chunk.conflicts];
    const counted = { accepted: 0, repeated: 0 };
    for (const sent of chunk.sent) {
      if (sent === null) continue;
      const posting = expectedOf(sent, account.timeZone);
      const before = known.get(sent.transactionId);
      if (before !== undefined && isRepeat(before, posting)) counted.repeated += 1;
      else if (before !== undefined && isConflict(before.posting, posting, conflicts)) {
        this.conflicts += 1;
        const named = conflicts.shift()?.transactionId;
        if (named !== sent.transactionId)
          this.violations.push(`${sent.transactionId} is a conflict, ${String(named)} was reported`);
      } else {
        counted.accepted += 1;
        if (before?.posting.status === 'posted') this.withdrawals += 1;
        known.set(sent.transactionId, { posting, earlier: earlierOf(before) });
      }
    }
    const { accepted, repeated } = chunk;
    if (conflicts.length > 0 || accepted !== counted.accepted || repeated !== counted.repeated) {
      this.violations.push(
        `ingestion reported ${accepted} accepted and ${repeated} repeated, expected ${counted.accepted} and ${counted.repeated}; ${conflicts.length} conflicts more than expected`,
      );
    }
  }
}

function expectedOf(sent: SentPosting, timeZone: string | null): ExpectedPosting {
  const { date, ...content } = sent;
  const postedAtMs = date.instantMs ?? noonOf(date.writtenDay);
  const derived =
    timeZone === null || date.instantMs === null ? date.writtenDay : dayIn(timeZone, date.instantMs);
  const bookingDay = date.bookingDate ?? derived;
  const ownInstant = date.instantMs !== null && utcDay(date.instantMs) === bookingDay;
  return {
    ...content,
    postedAtMs,
    bookingDay,
    sendAtMs: ownInstant ? postedAtMs : noonOf(bookingDay),
    dayGiven: date.bookingDate !== null || date.instantMs === null,
  };
}

function isRepeat(known: KnownPosting, posting: ExpectedPosting): boolean {
  const { posting: stored, earlier } = known;
  const sameDay =
    posting.bookingDay === stored.bookingDay ||
    (!posting.dayGiven && posting.postedAtMs === stored.postedAtMs);
  return (sameDay && contentOf(posting) === contentOf(stored)) || earlier.includes(versionOf(posting));
}

/** A withdrawal of what is posted depends on the batches: the service says whether it came in time. */
function isConflict(stored: ExpectedPosting, posting: ExpectedPosting, reported: Conflicts): boolean {
  if (stored.status === 'pending') return false;
  if (stored.status === 'void' || posting.status !== 'void') return true;
  const next = reported[0];
  const inBatch = next?.code === 'already_in_batch' || next?.code === 'already_refused';
  return inBatch && next.transactionId === posting.transactionId;
}

function earlierOf(known: KnownPosting | undefined): readonly string[] {
  if (known === undefined) return [];
  return known.posting.status === 'pending' ? [...known.earlier, versionOf(known.posting)] : known.earlier;
}

function contentOf(posting: ExpectedPosting): string {
  const { transactionId, amount, description, payee, transactionType, status, corrects } = posting;
  return JSON.stringify([transactionId, amount, description, payee, transactionType, status, corrects]);
}

/** A version as core banking would export it again. */
function versionOf(posting: ExpectedPosting): string {
  const { postedAtMs, dayGiven, bookingDay } = posting;
  return JSON.stringify([contentOf(posting), postedAtMs, dayGiven ? bookingDay : null]);
}
