import { countByDeliveryStatus } from '../../../src/db/rutter/delivery-status.js';
import type { Pool } from '../../../src/db/pool.js';
import type { CoreBank } from '../core-banking.js';
import type { ExpectedPosting } from './draw-postings.js';
import type { SentBatch } from './traffic.js';

/*
 * The checker: after a run it lays three records beside each other, core banking's books, our tables and the sandbox's
 * own book, and names every breach of an invariant. It asks the product for nothing but its counts.
 */

/** A call of the sandbox's control endpoints. */
export type Control = (method: string, path: string, body?: unknown) => Promise<Record<string, unknown>>;

export interface CheckedFeed {
  readonly feedId: string;
  readonly accountId: string;
  readonly rutterAccountId: string;
}

/** What the drawn faults excuse. Everything else is a breach. */
export interface Excuses {
  /**
   * Transactions may have been sent again under a new key although they were booked: Rutter's list lagged or lied, or
   * a sender slept through its lease with a request still to come. They must be marked duplicates, not booked twice; or,
   * where their batch was undone meanwhile because the start date moved past them, they stand before it.
   */
  readonly resent: boolean;
  /** Rutter's answers were falsified: conflicts stand with the quarantined though all is booked, and order is a guess. */
  readonly lies: boolean;
  /** Answers left transactions out, or a quarantine was taken back: they go again, marked late, whatever came between. */
  readonly omissions: boolean;
  /** POSTs made while Sage had changed the account and nobody had looked since. */
  readonly postsUnderUnseenChange: number;
  /** Ids that Sage may have refused when they were sent alone: they may stand quarantined. */
  readonly poisoned: ReadonlySet<string>;
  /** Discarded by an operator when it stood in the book, as a falsified answer had it: by feed and id. */
  readonly accepted: ReadonlySet<string>;
  /** POSTs beyond the least possible that the run's faults justify (I6). */
  readonly extraPosts: number;
  /** Moments at which new work could appear: each may begin a batch that is not full (I6). */
  readonly cutsMax: number;
}

export interface CheckerInput {
  readonly pool: Pool;
  readonly control: Control;
  readonly bank: CoreBank;
  readonly feeds: readonly CheckedFeed[];
  readonly batches: readonly SentBatch[];
  readonly excuses: Excuses;
}

const batchSizeMax = 1_000;
/** Attempts of a batch before a person must look (I14). */
const attemptsMax = 20;
const breachesShownMax = 20;

/** All breaches, in words that begin with the invariant; empty when the run was clean. */
export async function checkRun(input: CheckerInput): Promise<string[]> {
  const breaches = new Breaches();
  for (const words of input.bank.breaches) breaches.add('I1', words);
  const book = await readBook(input.control);
  for (const feed of input.feeds) {
    const rows = await readRows(input.pool, feed);
    const facts = await readFacts(input.pool, feed);
    const booked = book.get(feed.rutterAccountId) ?? [];
    checkStored(breaches, input, feed, rows);
    checkPlaces(breaches, rows, await countByDeliveryStatus(input.pool, feed));
    checkArrived(breaches, input, { feed, rows, booked, facts });
    checkOrder(breaches, input, { rows, booked });
    checkContent(breaches, input, { feed, booked });
    checkCursor(breaches, rows, facts);
  }
  await checkAttempts(breaches, input);
  checkTraffic(breaches, input);
  await checkSandbox(breaches, input);
  return breaches.list;
}

class Breaches {
  readonly list: string[] = [];
  add(invariant: string, words: string): void {
    if (this.list.length < breachesShownMax) this.list.push(`${invariant}: ${words}`);
  }
}

interface Row {
  readonly transactionId: string;
  readonly sequence: bigint;
  readonly postedAtMs: number;
  readonly amount: string;
  readonly description: string;
  readonly payee: string | null;
  readonly transactionType: string;
  readonly status: string;
  readonly corrects: string | null;
  readonly late: boolean | null;
  readonly exception: string | null;
  readonly batchState: string | null;
  readonly evidence: string | null;
  readonly beforeStart: boolean;
}

/** Every posting of the feed's account with what the feed's ledger says of it. */
async function readRows(pool: Pool, feed: CheckedFeed): Promise<Row[]> {
  const { rows } = await pool.query<Omit<Row, 'sequence'> & { sequence: string }>(
    `SELECT p.transaction_id AS "transactionId", p.sequence, extract(epoch FROM p.posted_at)::float8 * 1000 AS "postedAtMs",
            p.amount, p.description, p.payee, p.transaction_type AS "transactionType", p.status, p.corrects, l.late,
            l.exception, b.state AS "batchState", b.evidence,
            coalesce(p.posted_at < f.transaction_start_date, false) AS "beforeStart"
       FROM feeds f JOIN postings p ON (p.account_id || '') = f.account_id
       LEFT JOIN ledger l ON l.feed_id = f.feed_id AND l.transaction_id = p.transaction_id
       LEFT JOIN batches b ON b.batch_id = l.batch_id
      WHERE f.feed_id = $1`,
    [feed.feedId],
  );
  return rows.map((row) => ({
    ...row,
    sequence: BigInt(row.sequence),
    postedAtMs: Math.round(row.postedAtMs),
  }));
}

interface Facts {
  readonly state: string;
  readonly operator: string;
  readonly startDateMs: number | null;
  readonly cursorMs: number | null;
  readonly cursorSequence: bigint;
  readonly examined: bigint;
}

async function readFacts(pool: Pool, feed: CheckedFeed): Promise<Facts> {
  const { rows } = await pool.query<{
    state: string;
    operator: string;
    start_date: string | null;
    cursor_at: string | null;
    cursor_sequence: string | null;
    examined_sequence: string;
  }>(
    `SELECT state, operator, transaction_start_date AS start_date, cursor_posted_at AS cursor_at, cursor_sequence,
            examined_sequence FROM feeds WHERE feed_id = $1`,
    [feed.feedId],
  );
  const row = rows[0];
  if (row === undefined) throw new Error('a feed of the simulation has no row');
  return {
    state: row.state,
    operator: row.operator,
    startDateMs: row.start_date === null ? null : Date.parse(row.start_date),
    cursorMs: row.cursor_at === null ? null : Date.parse(row.cursor_at),
    cursorSequence: BigInt(row.cursor_sequence ?? '0'),
    examined: BigInt(row.examined_sequence),
  };
}

interface Booked {
  readonly transaction_id: string;
  readonly posted_at: string;
  readonly amount: number;
  readonly description: string;
  readonly transaction_type: string;
  readonly debit_credit_memo: string;
  readonly payee?: string | null;
}

/** The sandbox's book by account, in the order of acceptance. */
export async function readBook(control: Control): Promise<Map<string, Booked[]>> {
  const answer = (await control('GET', '/book')) as {
    accounts: { account_id: string; transactions: Booked[] }[];
  };
  return new Map(answer.accounts.map((account) => [account.account_id, account.transactions]));
}

/** I1, first half: what core banking sent stands in our table as it was sent, and nothing else does. */
function checkStored(
  breaches: Breaches,
  { bank }: CheckerInput,
  feed: CheckedFeed,
  rows: readonly Row[],
): void {
  const books = bank.booksOf(feed.accountId);
  if (books.size !== rows.length) breaches.add('I1', `${books.size} postings sent, ${rows.length} stored`);
  for (const row of rows) {
    const sent = books.get(row.transactionId);
    if (sent === undefined) breaches.add('I1', `${row.transactionId} was stored and never sent`);
    else if (!storedAsSent(row, sent))
      breaches.add('I1', `${row.transactionId} is stored with other content`);
  }
}

function storedAsSent(row: Row, sent: ExpectedPosting): boolean {
  return (
    row.postedAtMs === sent.postedAtMs &&
    row.amount === sent.amount &&
    row.description === sent.description &&
    row.payee === sent.payee &&
    row.transactionType === sent.transactionType &&
    row.status === sent.status &&
    row.corrects === sent.corrects
  );
}

/** The place of a posting, read from the row by the checker's own rules. */
function placeOf(row: Row): string {
  if (row.exception === 'quarantined' || row.exception === 'conflict') return 'quarantined';
  if (row.exception === 'discarded') return 'discarded';
  if (row.batchState === 'delivered') return 'delivered';
  if (row.batchState !== null) return 'batched';
  if (row.status === 'pending') return 'held';
  if (row.status === 'void') return 'withdrawn';
  return row.beforeStart ? 'before_start' : 'ready';
}

/** I1: every posting is in exactly one place, and the product's counts say the same. */
function checkPlaces(
  breaches: Breaches,
  rows: readonly Row[],
  counted: Readonly<Record<string, number>>,
): void {
  const own = new Map<string, number>();
  for (const row of rows) own.set(placeOf(row), (own.get(placeOf(row)) ?? 0) + 1);
  const total = Object.values(counted).reduce((sum, count) => sum + count, 0);
  if (total !== rows.length) breaches.add('I1', `places sum up to ${total} of ${rows.length} postings`);
  for (const [place, count] of own) {
    if (counted[place] !== count)
      breaches.add('I1', `${count} ${place}, counted as ${String(counted[place])}`);
  }
}

interface FeedRecord {
  readonly feed: CheckedFeed;
  readonly rows: readonly Row[];
  readonly booked: readonly Booked[];
  readonly facts: Facts;
}

/** I1, second half, I5 and I7: what is due has arrived or visibly waits; what counts as delivered is in the book. */
function checkArrived(breaches: Breaches, { excuses }: CheckerInput, record: FeedRecord): void {
  const { rows, facts } = record;
  const inBook = new Set(record.booked.map((entry) => entry.transaction_id));
  const closed = facts.operator === 'closed';
  const caughtUp = facts.state === 'live';
  if (!caughtUp && !closed) breaches.add('I8', `the feed ended as ${facts.state}`);
  for (const row of rows) {
    const place = placeOf(row);
    const { transactionId: id } = row;
    const arrived = inBook.delete(id);
    if (place === 'delivered' && !arrived)
      breaches.add('I7', `${id} counts as delivered and is not in the book`);
    if (place === 'delivered' && row.evidence === null)
      breaches.add('I7', `${id} is delivered without evidence`);
    if ((place === 'ready' || place === 'batched') && caughtUp)
      breaches.add('I1', `${id} is ${place} in a live feed`);
    if (place === 'quarantined' && !excuses.lies && !excuses.poisoned.has(id)) {
      breaches.add('I1', `${id} is quarantined (${String(row.exception)}) for no reason`);
    }
    if (arrived && row.status !== 'posted') breaches.add('I5', `${id} was sent and is ${row.status}`);
    // Nothing fences a sender that is frozen between its last check and its POST, or a list that lags: what is then sent
    // of a batch that a later start date had undone stands in Sage once, and before that date.
    const overtaken = excuses.resent && place === 'before_start';
    const accepted = excuses.accepted.has(`${record.feed.feedId} ${id}`) && place === 'discarded';
    if (arrived && place !== 'delivered' && place !== 'quarantined' && !closed && !overtaken && !accepted) {
      breaches.add('I7', `${id} is in the book and stands as ${place}`);
    }
  }
  for (const id of inBook) breaches.add('I2', `${id} is in the book and no posting of the account`);
}

/** I3: by instant, then by arrival; late ones are the only exception, and they are late. */
function checkOrder(
  breaches: Breaches,
  { excuses }: CheckerInput,
  record: Pick<FeedRecord, 'rows' | 'booked'>,
): void {
  const byId = new Map(record.rows.map((row) => [row.transactionId, row]));
  // What was set aside had its turn, too: whatever comes before it from then on is late.
  const aside = record.rows.filter((row) => placeOf(row) === 'quarantined' || placeOf(row) === 'discarded');
  let last: Row | undefined;
  let highest: Row | undefined;
  for (const { transaction_id: id } of record.booked) {
    const row = byId.get(id);
    if (row === undefined) continue;
    if (row.late === true) {
      const passedBy = highest === undefined ? aside : [...aside, highest];
      const justified = passedBy.some((other) => isBefore(row, other));
      if (!justified && !excuses.omissions && !excuses.lies && !excuses.resent) {
        breaches.add('I3', `${id} is marked late and is not`);
      }
    } else {
      // Rutter had booked what its answer denied: the batch was undone, and others may come before it now.
      if (last !== undefined && isBefore(row, last) && !excuses.lies) {
        breaches.add('I3', `${id} came after ${last.transactionId} and is not marked late`);
      }
      last = row;
    }
    if (highest === undefined || isBefore(highest, row)) highest = row;
  }
}

function isBefore(left: Row, right: Row): boolean {
  if (left.postedAtMs !== right.postedAtMs) return left.postedAtMs < right.postedAtMs;
  return left.sequence < right.sequence;
}

/** The book holds each posting as core banking sent it, to the last digit. */
function checkContent(
  breaches: Breaches,
  { bank }: CheckerInput,
  record: Pick<FeedRecord, 'feed' | 'booked'>,
): void {
  const books = bank.booksOf(record.feed.accountId);
  const seen = new Set<string>();
  for (const entry of record.booked) {
    const id = entry.transaction_id;
    if (seen.has(id)) breaches.add('I2', `${id} is twice in the book`);
    seen.add(id);
    const sent = books.get(id);
    if (sent !== undefined && !bookedAsSent(entry, sent))
      breaches.add('I2', `${id} is booked with other content`);
  }
}

function bookedAsSent(entry: Booked, sent: ExpectedPosting): boolean {
  const memo = sent.amount.startsWith('-') ? 'DEBIT' : 'CREDIT';
  return (
    // Up to 15 digits a double's own text is the decimal that was sent.
    String(entry.amount) === sent.amount &&
    Date.parse(entry.posted_at) === sent.postedAtMs &&
    entry.description === sent.description &&
    (entry.payee ?? null) === sent.payee &&
    entry.transaction_type === sent.transactionType &&
    (sent.amount === '0' || entry.debit_credit_memo === memo)
  );
}

/** I7: up to the cursor, all that was examined and is due has been built. */
function checkCursor(breaches: Breaches, rows: readonly Row[], facts: Facts): void {
  const { cursorMs } = facts;
  if (cursorMs === null) return;
  const passed = (row: Row) =>
    row.postedAtMs < cursorMs || (row.postedAtMs === cursorMs && row.sequence <= facts.cursorSequence);
  for (const row of rows) {
    if (placeOf(row) !== 'ready' || !passed(row) || row.sequence > facts.examined) continue;
    breaches.add('I7', `the cursor has passed ${row.transactionId}, which was never cut`);
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

/** I2, I4, I14 in our own tables: one open attempt, a new key only after the last one's final outcome, and not for ever. */
async function checkAttempts(breaches: Breaches, input: CheckerInput): Promise<void> {
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
      breaches.add('I2', `attempt ${row.number} of a batch had no final outcome before the next`);
    if (row.number > attemptsMax) breaches.add('I14', `a batch has ${row.number} attempts`);
    if (row.batchState !== 'open' && (row.state === 'open' || row.state === 'in_doubt')) {
      breaches.add('I4', `a batch is ${row.batchState} and its attempt ${row.state}`);
    }
  }
  for (const sent of input.batches) {
    const row = byKey.get(sent.idempotencyKey);
    if (row === undefined) breaches.add('I2', 'a key was sent that is not in the ledger');
    else if (row.posts === 0) breaches.add('I2', 'a key was sent before its POST was noted');
  }
}

/** I2, I5, I6: what left us. The same key always carries the same bytes. */
function checkTraffic(breaches: Breaches, { batches, excuses, feeds }: CheckerInput): void {
  const bytes = new Map<string, string>();
  for (const sent of batches) {
    const first = bytes.get(sent.idempotencyKey);
    if (first !== undefined && first !== sent.bodySha256)
      breaches.add('I2', 'a key was sent with other bytes');
    bytes.set(sent.idempotencyKey, sent.bodySha256);
    const size = sent.transactionIds.length;
    if (size < 1 || size > batchSizeMax) breaches.add('I5', `a batch of ${size} was sent`);
    if (new Set(sent.transactionIds).size !== size) breaches.add('I2', 'a batch names a posting twice');
  }
  const postings = new Set(
    batches.flatMap((sent) => sent.transactionIds.map((id) => `${sent.rutterAccountId} ${id}`)),
  );
  const least = Math.ceil(postings.size / batchSizeMax);
  const allowed = least + feeds.length + excuses.cutsMax + excuses.extraPosts;
  if (batches.length > allowed) breaches.add('I6', `${batches.length} POSTs, justified are ${allowed}`);
}

/** I4, I5 and I2 by the sandbox's own eyes. */
async function checkSandbox(breaches: Breaches, { control, excuses }: CheckerInput): Promise<void> {
  const seen = (await control('GET', '/violations')) as {
    violations: { rule: string; detail: string }[];
    resent: { detail: string }[];
  };
  let unseen = excuses.postsUnderUnseenChange;
  for (const { rule, detail } of seen.violations) {
    const late = rule === 'account_not_ready' || rule === 'before_start_date';
    // Nobody had told us yet: Sage changed the account and we had not looked again.
    if (late && unseen-- > 0) continue;
    breaches.add(rule === 'two_batches_in_flight' ? 'I4' : 'I5', `${rule} (${detail})`);
  }
  if (excuses.resent) return;
  for (const { detail } of seen.resent) breaches.add('I2', `sent again under a new key: ${detail}`);
}
