import { randomUUID } from 'node:crypto';
import { seal } from '../crypto/seal.js';
import { findRepeats, storePostings } from '../db/postings.js';
import { recordRejectedItems } from '../db/rejected-items.js';
import { rejectedSample } from '../domain/ingestion-problem.js';
import { parsePosting, type PostingProblem, type ReceivedPosting } from '../domain/posting-input.js';
import type { AccountType } from '../domain/transaction-type.js';
import type { ApiDeps } from './deps.js';
import type { IngestTally } from './ingest-tally.js';

export interface IngestTarget {
  readonly deps: ApiDeps;
  readonly accountId: string;
  /** As read before the body: the number of decimals is validated by it. */
  readonly currency: string;
  readonly accountType: AccountType;
  /** In which the day of an instant is read; null: as written. */
  readonly timeZone: string | null;
  /** The last booking day that is taken; null while the account is open. */
  readonly closedOn: string | null;
}

/** A withdrawal is possible at any time. */
function isAfterClosing({ bookingDay, status }: ReceivedPosting, { closedOn }: IngestTarget): boolean {
  return closedOn !== null && status !== 'void' && bookingDay > closedOn;
}

/** An item, and where it is in the call. */
interface Item {
  readonly value: unknown;
  /** Of the item in its list, or of the line, from 0. */
  readonly index: number;
  /** The line; null for an item of a list, whose text is made when it is kept. */
  readonly line: string | null;
}

/** An item of the sample before it is sealed. */
export interface RejectedContent {
  readonly transaction_id: string | null;
  readonly index: number;
  readonly errors: PostingProblem['errors'];
  /** As it was sent, from its beginning. */
  readonly item: string;
  readonly truncated: boolean;
}

/**
 * The items of a call since its last commit: those to be stored, and what is to be recorded of those that are not.
 * Where sign and type contradict each other the stored postings are asked first: a repeat of what is stored is a repeat,
 * also when it was stored before the rule.
 */
export class IngestChunk {
  /** Whether anything was to be stored, in this chunk or before. */
  sawPostings = false;
  private postings: ReceivedPosting[] = [];
  private afterClosing = new Map<ReceivedPosting, Item>();
  private contradictions = new Map<ReceivedPosting, { item: Item; rule: string }>();
  private sample: RejectedContent[] = [];
  private sampledFaults = new Map<string, number>();
  private rejectedCount = 0;

  constructor(
    private readonly target: IngestTarget,
    private readonly tally: IngestTally,
  ) {}

  add(item: Item): void {
    const { currency, accountType, timeZone, deps } = this.target;
    const nowMs = deps.nowMs();
    const { SIGN_CHECK: signCheck } = deps.config;
    const result = parsePosting({ value: item.value, currency, accountType, signCheck, timeZone, nowMs });
    if ('problem' in result) return this.reject(result.problem, item);
    const { posting, contradiction } = result;
    this.postings.push(posting);
    if (isAfterClosing(posting, this.target)) {
      this.afterClosing.set(posting, item);
      return;
    }
    if (contradiction !== null) this.contradictions.set(posting, { item, rule: contradiction });
  }

  reject(problem: PostingProblem, item: Item): void {
    const { index } = item;
    const pointerPrefix = item.line === null ? `/transactions/${index}` : '';
    this.rejectedCount += 1;
    this.tally.addRejected({ index, problem, pointerPrefix });
    if (this.sample.length >= rejectedSample.itemsPerChunkMax) return;
    const fault = problem.errors.map(({ pointer }) => pointer).join(' ');
    const alike = this.sampledFaults.get(fault) ?? 0;
    if (alike >= rejectedSample.itemsPerFaultMax) return;
    this.sampledFaults.set(fault, alike + 1);
    const text = item.line ?? JSON.stringify(item.value);
    this.sample.push({
      transaction_id: problem.transactionId,
      index,
      errors: problem.errors,
      item: text.slice(0, rejectedSample.itemLengthMax),
      truncated: text.length > rejectedSample.itemLengthMax,
    });
  }

  /** Stores and records what was added, and is empty then. Postings first: they are what must not be lost. */
  async store(): Promise<void> {
    const { accountId, currency, deps } = this.target;
    await this.rejectAfterClosing();
    const contradictingCount = await this.applySignCheck();
    if (this.postings.length > 0) {
      this.sawPostings = true;
      const { postings } = this;
      this.tally.addStored(await storePostings(deps.pool, { accountId, currency, postings }));
      this.postings = [];
    }
    if (this.rejectedCount + contradictingCount > 0) {
      const sample = this.sample.map((content) => this.sealed(content));
      const { rejectedCount } = this;
      await recordRejectedItems(deps.pool, { accountId, rejectedCount, contradictingCount, sample });
    }
    this.rejectedCount = 0;
    this.sample = [];
    this.sampledFaults.clear();
  }

  /** Rejects what was booked after the account was closed, unless it is stored since before. */
  private async rejectAfterClosing(): Promise<void> {
    if (this.afterClosing.size === 0) return;
    const { closedOn } = this.target;
    const rejected = await this.takeUnlessRepeated(this.afterClosing);
    for (const [{ transactionId, bookingDay }, item] of rejected) {
      const reason = `booking day ${bookingDay} is after the account was closed (closed_on ${closedOn ?? ''}): open the account again with a PUT without closed_on, or with a later one`;
      this.reject({ transactionId, errors: [{ pointer: '/booking_date', reason }] }, item);
    }
    this.postings = this.postings.filter((posting) => !rejected.has(posting));
  }

  /** Rejects contradictions, or warns of them; answers how many were accepted with a warning. */
  private async applySignCheck(): Promise<number> {
    if (this.contradictions.size === 0) return 0;
    const { deps } = this.target;
    const contradicting = await this.takeUnlessRepeated(this.contradictions);
    for (const [{ transactionId }, { item, rule }] of contradicting) {
      if (deps.config.SIGN_CHECK === 'warn') {
        this.tally.addWarning({ index: item.index, transactionId, reason: rule });
      } else {
        this.reject({ transactionId, errors: [{ pointer: '/amount', reason: rule }] }, item);
      }
    }
    if (deps.config.SIGN_CHECK === 'warn') return contradicting.size;
    this.postings = this.postings.filter((posting) => !contradicting.has(posting));
    return 0;
  }

  /** Empties a list of postings, and answers those of it that do not repeat what is stored. */
  private async takeUnlessRepeated<Found>(
    list: Map<ReceivedPosting, Found>,
  ): Promise<Map<ReceivedPosting, Found>> {
    const { accountId, deps } = this.target;
    const found = [...list];
    list.clear();
    const repeats = await findRepeats(deps.pool, { accountId, postings: found.map(([posting]) => posting) });
    return new Map(found.filter(([posting]) => !repeats.has(posting)));
  }

  private sealed(content: RejectedContent): { itemId: string; contentSealed: string } {
    const itemId = randomUUID();
    const context = { table: 'rejected_items', row: itemId };
    return { itemId, contentSealed: seal(this.target.deps.keyring, JSON.stringify(content), context) };
  }
}
