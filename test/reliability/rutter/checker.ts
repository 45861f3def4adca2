import { countByDeliveryStatus } from '../../../src/db/rutter/delivery-status.js';
import type { Pool } from '../../../src/db/pool.js';
import type { CoreBanking, ExpectedPosting } from './core-banking.js';
import { readBook, type BookedTransaction, type Control } from './book.js';
import {
  deliveryStatusOf,
  readFacts,
  readRows,
  type CheckedFeed,
  type FeedFacts,
  type PostingRow,
} from './feed-rows.js';
import type { SentBatch } from './traffic.js';

/*
 * The checker: after a run it compares what core banking sent, our tables and what the sandbox has booked, and returns
 * every violation of an invariant. From the code under test it uses the counts only.
 */

/** What the faults of the plan allow. Everything else is a violation. */
export interface Allowances {
  /**
   * Transactions may have been sent again under a new key although they were booked: Rutter's list lagged or was false,
   * or a sender was frozen past its lease before its request. They must be marked as duplicates and not be booked twice.
   * If their batch was undone meanwhile because the start date moved past them, they are `before_start`.
   */
  readonly resent: boolean;
  /** Rutter's answers were falsified: booked postings may be conflicts, and their order is not checked. */
  readonly falseAnswers: boolean;
  /**
   * Rutter stored texts in another form: one that is the same text to us (`alike`), or one that is not (`other`), where
   * a posting that is sent again may be a conflict.
   */
  readonly foldedTexts: 'none' | 'alike' | 'other';
  /** Answers left transactions out, or postings were released from quarantine: they are sent again, marked late. */
  readonly omissions: boolean;
  /** POSTs made after Sage changed the account and before a check had read the change. */
  readonly postsAfterUnseenChange: number;
  /** Ids that Sage may have refused when they were sent alone: they may be quarantined. */
  readonly poisoned: ReadonlySet<string>;
  /** Postings that an operator discarded although they were booked, because of a false answer; by feed and id. */
  readonly accepted: ReadonlySet<string>;
  /** POSTs above the minimum that the faults of the run justify (I6). */
  readonly extraPosts: number;
  /** Events that could bring new work: each may build a batch that is not full (I6). */
  readonly buildsMax: number;
}

export interface CheckerInput {
  readonly pool: Pool;
  readonly control: Control;
  readonly bank: CoreBanking;
  readonly feeds: readonly CheckedFeed[];
  readonly batches: readonly SentBatch[];
  readonly allowances: Allowances;
}

const batchSizeMax = 1_000;
/** Attempts of a batch before the feed is blocked (I14). */
const attemptsMax = 20;
const violationsShownMax = 20;

/** Returns all violations, each beginning with its invariant; empty when all held. */
export async function checkRun(input: CheckerInput): Promise<string[]> {
  const violations = new Violations();
  for (const text of input.bank.violations) violations.add('I1', text);
  const bookedByAccount = await readBook(input.control);
  for (const feed of input.feeds) {
    const rows = await readRows(input.pool, feed);
    const facts = await readFacts(input.pool, feed);
    const booked = bookedByAccount.get(feed.rutterAccountId) ?? [];
    checkStored(violations, input, feed, rows);
    checkDeliveryStatuses(violations, rows, await countByDeliveryStatus(input.pool, feed));
    checkArrived(violations, input, { feed, rows, booked, facts });
    checkOrder(violations, input, { rows, booked });
    checkContent(violations, input, { feed, booked });
    checkCursor(violations, rows, facts);
  }
  await checkAttempts(violations, input);
  checkTraffic(violations, input);
  await checkSandbox(violations, input);
  return violations.list;
}

class Violations {
  readonly list: string[] = [];
  add(invariant: string, text: string): void {
    if (this.list.length < violationsShownMax) this.list.push(`${invariant}: ${text}`);
  }
}

/** I1, first half: the table contains what core banking sent, unchanged, and nothing else. */
function checkStored(
  violations: Violations,
  { bank }: CheckerInput,
  feed: CheckedFeed,
  rows: readonly PostingRow[],
): void {
  const expected = bank.expectedOf(feed.accountId);
  if (expected.size !== rows.length)
    violations.add('I1', `${expected.size} postings sent, ${rows.length} stored`);
  for (const row of rows) {
    const sent = expected.get(row.transactionId);
    if (sent === undefined) violations.add('I1', `${row.transactionId} was stored and never sent`);
    else if (!storedAsSent(row, sent))
      violations.add('I1', `${row.transactionId} is stored with other content`);
  }
}

function storedAsSent(row: PostingRow, sent: ExpectedPosting): boolean {
  return (
    row.postedAtMs === sent.postedAtMs &&
    row.bookingDay === sent.bookingDay &&
    row.sendAtMs === sent.sendAtMs &&
    row.amount === sent.amount &&
    row.description === sent.description &&
    row.payee === sent.payee &&
    row.transactionType === sent.transactionType &&
    row.status === sent.status &&
    row.corrects === sent.corrects
  );
}

/** I1: every posting has exactly one delivery status, and the service counts the same. */
function checkDeliveryStatuses(
  violations: Violations,
  rows: readonly PostingRow[],
  counted: Readonly<Record<string, number>>,
): void {
  const own = new Map<string, number>();
  for (const row of rows) own.set(deliveryStatusOf(row), (own.get(deliveryStatusOf(row)) ?? 0) + 1);
  const total = Object.values(counted).reduce((sum, count) => sum + count, 0);
  if (total !== rows.length)
    violations.add('I1', `the delivery statuses add up to ${total} of ${rows.length} postings`);
  for (const [status, count] of own) {
    if (counted[status] !== count)
      violations.add('I1', `${count} ${status}, counted as ${String(counted[status])}`);
  }
}

interface FeedRecord {
  readonly feed: CheckedFeed;
  readonly rows: readonly PostingRow[];
  readonly booked: readonly BookedTransaction[];
  readonly facts: FeedFacts;
}

/** I1, second half, I5 and I7: what is due is booked or visibly waits; what is delivered is booked. */
function checkArrived(violations: Violations, { allowances }: CheckerInput, record: FeedRecord): void {
  const { rows, facts } = record;
  const unmatched = new Set(record.booked.map((entry) => entry.transaction_id));
  const closed = facts.operator === 'closed';
  const caughtUp = facts.state === 'live';
  if (!caughtUp && !closed) violations.add('I8', `the feed ended as ${facts.state}`);
  for (const row of rows) {
    const status = deliveryStatusOf(row);
    const { transactionId: id } = row;
    const isBooked = unmatched.delete(id);
    if (status === 'delivered' && !isBooked) violations.add('I7', `${id} is delivered and not booked`);
    if (status === 'delivered' && row.evidence === null)
      violations.add('I7', `${id} is delivered without evidence`);
    // A feed that closed with its account has sent what was booked up to that day, if Sage had chosen it before.
    const closedWithAccount = closed && facts.closedBy === 'account' && facts.accountStatus !== 'waiting';
    const mustHaveSent = caughtUp || closedWithAccount;
    if ((status === 'ready' || status === 'batched') && mustHaveSent)
      violations.add('I1', `${id} is ${status} in a feed that is ${facts.state}`);
    const mayBeQuarantined =
      allowances.falseAnswers || allowances.foldedTexts === 'other' || allowances.poisoned.has(id);
    if (status === 'quarantined' && !mayBeQuarantined) {
      violations.add('I1', `${id} is quarantined (${String(row.exception)}) for no reason`);
    }
    if (isBooked && row.status !== 'posted') violations.add('I5', `${id} was sent and is ${row.status}`);
    // A sender that is frozen between its last check and its POST cannot be fenced, nor can a lagging list be noticed. A
    // batch that a later start date had undone may then be booked once, before that date.
    const overtaken = allowances.resent && status === 'before_start';
    const accepted = allowances.accepted.has(`${record.feed.feedId} ${id}`) && status === 'discarded';
    if (
      isBooked &&
      status !== 'delivered' &&
      status !== 'quarantined' &&
      !closed &&
      !overtaken &&
      !accepted
    ) {
      violations.add('I7', `${id} is booked and is ${status}`);
    }
  }
  for (const id of unmatched) violations.add('I2', `${id} is booked and no posting of the account`);
}

/** I3: order by instant, then by arrival. Only postings marked late are exceptions, and they are late. */
function checkOrder(
  violations: Violations,
  { allowances }: CheckerInput,
  record: Pick<FeedRecord, 'rows' | 'booked'>,
): void {
  const byId = new Map(record.rows.map((row) => [row.transactionId, row]));
  // Quarantined and discarded postings had their turn too: a posting before them is late from then on.
  const setAside = record.rows.filter(
    (row) => deliveryStatusOf(row) === 'quarantined' || deliveryStatusOf(row) === 'discarded',
  );
  let last: PostingRow | undefined;
  let highest: PostingRow | undefined;
  for (const { transaction_id: id } of record.booked) {
    const row = byId.get(id);
    if (row === undefined) continue;
    if (row.late === true) {
      const passedBy = highest === undefined ? setAside : [...setAside, highest];
      const justified = passedBy.some((other) => isBefore(row, other));
      if (!justified && !allowances.omissions && !allowances.falseAnswers && !allowances.resent) {
        violations.add('I3', `${id} is marked late and is not`);
      }
    } else {
      // Rutter had booked what its answer denied: the batch was undone, and other postings may come first now.
      if (last !== undefined && isBefore(row, last) && !allowances.falseAnswers) {
        violations.add('I3', `${id} came after ${last.transactionId} and is not marked late`);
      }
      last = row;
    }
    if (highest === undefined || isBefore(highest, row)) highest = row;
  }
}

function isBefore(left: PostingRow, right: PostingRow): boolean {
  if (left.sendAtMs !== right.sendAtMs) return left.sendAtMs < right.sendAtMs;
  return left.sequence < right.sequence;
}

/** I2: each booked posting has exactly the content that core banking sent. */
function checkContent(
  violations: Violations,
  { bank, allowances }: CheckerInput,
  record: Pick<FeedRecord, 'feed' | 'booked'>,
): void {
  const expected = bank.expectedOf(record.feed.accountId);
  const seen = new Set<string>();
  for (const entry of record.booked) {
    const id = entry.transaction_id;
    if (seen.has(id)) violations.add('I2', `${id} is booked twice`);
    seen.add(id);
    const sent = expected.get(id);
    if (sent !== undefined && !bookedAsSent(entry, sent, allowances))
      violations.add('I2', `${id} is booked with other content`);
  }
}

function bookedAsSent(entry: BookedTransaction, sent: ExpectedPosting, allowances: Allowances): boolean {
  const memo = sent.amount.startsWith('-') ? 'DEBIT' : 'CREDIT';
  return (
    // Up to 15 digits the text of a double is the decimal that was sent.
    String(entry.amount) === sent.amount &&
    Date.parse(entry.posted_at) === sent.sendAtMs &&
    entry.posted_at.slice(0, 10) === sent.bookingDay &&
    (allowances.foldedTexts !== 'none' ||
      (entry.description === sent.description && (entry.payee ?? null) === sent.payee)) &&
    entry.transaction_type === sent.transactionType &&
    (sent.amount === '0' || entry.debit_credit_memo === memo)
  );
}

/** I7: everything up to the cursor that was examined and is due has been built into a batch. */
function checkCursor(violations: Violations, rows: readonly PostingRow[], facts: FeedFacts): void {
  const { cursorMs } = facts;
  if (cursorMs === null) return;
  const passed = (row: PostingRow) =>
    row.sendAtMs < cursorMs || (row.sendAtMs === cursorMs && row.sequence <= facts.cursorSequence);
  for (const row of rows) {
    if (deliveryStatusOf(row) !== 'ready' || !passed(row) || row.sequence > facts.examined) continue;
    violations.add('I7', `the cursor has passed ${row.transactionId}, which was never built into a batch`);
  }
}

interface AttemptRow {
  readonly batchId: string;
  readonly feedId: string;
  readonly batchState: string;
  readonly number: number;
  readonly key: string;
  readonly state: string;
  readonly posts: number;
  /** Whether the next attempt of the batch was made before this one was final. */
  readonly overtaken: boolean;
}

/** I2, I4, I14 in our tables: one open attempt, a new key only after a final outcome, and bounded attempts. */
async function checkAttempts(violations: Violations, input: CheckerInput): Promise<void> {
  const { rows } = await input.pool.query<AttemptRow>(
    `SELECT b.batch_id AS "batchId", b.feed_id AS "feedId", b.state AS "batchState", a.number, a.idempotency_key AS key,
            a.state, a.posts,
            coalesce(a.final_at > lead(a.created_at) OVER w, false)
              OR (lead(a.created_at) OVER w IS NOT NULL AND a.final_at IS NULL) AS overtaken
       FROM batches b JOIN attempts a USING (batch_id)
      WHERE b.feed_id = ANY ($1) WINDOW w AS (PARTITION BY a.batch_id ORDER BY a.number)`,
    [input.feeds.map((feed) => feed.feedId)],
  );
  const byKey = new Map(rows.map((row) => [row.key, row]));
  for (const row of rows) {
    if (row.overtaken)
      violations.add('I2', `attempt ${row.number} of a batch had no final outcome before the next`);
    if (row.number > attemptsMax) violations.add('I14', `a batch has ${row.number} attempts`);
    if (row.batchState !== 'open' && (row.state === 'open' || row.state === 'in_doubt')) {
      violations.add('I4', `a batch is ${row.batchState} and its attempt ${row.state}`);
    }
  }
  for (const sent of input.batches) {
    const row = byKey.get(sent.idempotencyKey);
    if (row === undefined) violations.add('I2', 'a key was sent that is not in the ledger');
    else if (row.posts === 0) violations.add('I2', 'a key was sent before its POST was recorded');
  }
}

/** I2, I5, I6 in the traffic. The same key always carries the same bytes. */
function checkTraffic(violations: Violations, { batches, allowances, feeds }: CheckerInput): void {
  const bytes = new Map<string, string>();
  for (const sent of batches) {
    const first = bytes.get(sent.idempotencyKey);
    if (first !== undefined && first !== sent.bodySha256)
      violations.add('I2', 'a key was sent with other bytes');
    bytes.set(sent.idempotencyKey, sent.bodySha256);
    const size = sent.transactionIds.length;
    if (size < 1 || size > batchSizeMax) violations.add('I5', `a batch of ${size} was sent`);
    if (new Set(sent.transactionIds).size !== size) violations.add('I2', 'a batch names a posting twice');
  }
  const postings = new Set(
    batches.flatMap((sent) => sent.transactionIds.map((id) => `${sent.rutterAccountId} ${id}`)),
  );
  const least = Math.ceil(postings.size / batchSizeMax);
  const allowed = least + feeds.length + allowances.buildsMax + allowances.extraPosts;
  if (batches.length > allowed)
    violations.add('I6', `${batches.length} POSTs, of which ${allowed} are justified`);
}

/** I4, I5 and I2 as the sandbox recorded them. */
async function checkSandbox(violations: Violations, { control, allowances }: CheckerInput): Promise<void> {
  const sandbox = (await control('GET', '/violations')) as {
    violations: { rule: string; detail: string }[];
    resent: { detail: string }[];
  };
  let unseen = allowances.postsAfterUnseenChange;
  for (const { rule, detail } of sandbox.violations) {
    const late = rule === 'account_not_ready' || rule === 'before_start_date';
    // Sage had changed the account, and no check had read the change yet.
    if (late && unseen-- > 0) continue;
    violations.add(rule === 'two_batches_in_flight' ? 'I4' : 'I5', `${rule} (${detail})`);
  }
  if (allowances.resent) return;
  for (const { detail } of sandbox.resent) violations.add('I2', `sent again under a new key: ${detail}`);
}
