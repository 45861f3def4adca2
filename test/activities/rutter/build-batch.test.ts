import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addDays, sendTimeOf, utcDayOf } from '../../../src/domain/booking-day.js';
import { serializeBatch } from '../../../src/clients/rutter/transform.js';
import { readBatchPostings, undoBatch, type OpenBatch } from '../../../src/db/rutter/batches.js';
import { buildBatch, type BuildBatchResult } from '../../../src/db/rutter/build-batch.js';
import { recordAccountSeen } from '../../../src/db/rutter/feed-facts.js';
import { storePostings } from '../../../src/db/postings.js';
import { renewAttempt, completeBatch } from '../../../src/db/rutter/complete-batch.js';
import { maySend } from '../../../src/domain/rutter/feed.js';
import { deliveryLockOf } from '../../../src/domain/rutter/delivery-lock.js';
import { deliveryLimits } from '../../../src/domain/rutter/delivery-limits.js';
import type { PostingStatus } from '../../../src/domain/posting-input.js';
import {
  createDeliveryFixture,
  postingsFrom,
  type DeliveryFeed,
  type DeliveryFixture,
} from '../../support/rutter/delivery-fixture.js';

const seed = 20_260_204;
const startDate = '2026-03-01T00:00:00.000Z';
let fixture: DeliveryFixture;
beforeAll(async () => {
  fixture = await createDeliveryFixture();
});
afterAll(async () => {
  await fixture.close();
});

function build(feed: DeliveryFeed, holder: string): Promise<BuildBatchResult> {
  return buildBatch(fixture.pool, {
    feedId: feed.feedId,
    deliveryLockId: deliveryLockOf(feed),
    holder,
    serialize: serializeBatch,
    maySend: (now) => maySend(now.facts),
  });
}

async function mustBuild(
  feed: DeliveryFeed,
  holder: string,
): Promise<Extract<BuildBatchResult, { kind: 'built' }>> {
  const result = await build(feed, holder);
  if (result.kind !== 'built') throw new Error(`no batch was built: ${result.kind}`);
  return result;
}

function complete(
  feed: DeliveryFeed,
  batch: OpenBatch,
  holder: string,
  missing: string[] = [],
): Promise<boolean> {
  return completeBatch(fixture.pool, {
    batch,
    deliveryLockId: deliveryLockOf(feed),
    holder,
    evidence: 'answer',
    jobId: null,
    httpStatus: 200,
    exceptions: { duplicates: [], altered: [], conflicts: [], missing },
  });
}

function undo(feed: DeliveryFeed, batch: OpenBatch, holder: string): Promise<boolean> {
  return undoBatch(fixture.pool, { batch, deliveryLockId: deliveryLockOf(feed), holder, refusal: null });
}

function moveStart(feed: DeliveryFeed, transactionStartDate: string): Promise<void> {
  const { rutterAccountId } = feed;
  return recordAccountSeen(fixture.pool, {
    ...feed,
    bankTimeZone: null,
    account: { rutterAccountId, ready: true, transactionStartDate },
  });
}

function ingest(
  feed: DeliveryFeed,
  postings: readonly { id: string; postedAt: string; status: PostingStatus; bookingDay?: string }[],
): Promise<unknown> {
  return storePostings(fixture.pool, {
    accountId: feed.accountId,
    currency: 'GBP',
    postings: postings.map(({ id, postedAt, status, bookingDay = utcDayOf(postedAt) }) => ({
      postedAt,
      status,
      bookingDay,
      bookingDayGiven: true,
      sendAt: sendTimeOf({ instant: postedAt, bookingDay }),
      transactionId: id,
      amount: '-12.5',
      description: `Posting ${id}`,
      payee: null,
      transactionType: 'debit',
      corrects: null,
    })),
  });
}

/** A position in the order of delivery. */
interface Position {
  readonly id: string;
  readonly sendAt: string;
  readonly bookingDay: string;
  readonly sequence: bigint;
}

function compare(left: Position, right: Position): number {
  const byInstant = Date.parse(left.sendAt) - Date.parse(right.sendAt);
  return byInstant === 0 ? Number(left.sequence - right.sequence) : byInstant;
}

/** Ten instants of four days around the first start date, so that most postings share an instant with others. */
function instantOf(slot: number): string {
  return new Date(Date.parse(startDate) + (slot - 3) * 9 * 3_600_000).toISOString();
}

type Step =
  | {
      readonly kind: 'ingest';
      readonly chunk: readonly { id: number; slot: number; dayShift: number; status: PostingStatus }[];
    }
  | { readonly kind: 'build' }
  | { readonly kind: 'complete'; readonly missing: number }
  | { readonly kind: 'undo' }
  | { readonly kind: 'start'; readonly slot: number };

const idsMax = 60;
const item = fc.record({
  id: fc.integer({ min: 1, max: idsMax }),
  slot: fc.integer({ min: 0, max: 9 }),
  // A zone's day differs from that of UTC by one, a given booking date by any number.
  dayShift: fc.constantFrom(0, 0, -1, 1, 2),
  status: fc.constantFrom<PostingStatus[]>('posted', 'posted', 'posted', 'pending', 'void'),
});
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('ingest' as const),
      chunk: fc.array(item, { minLength: 1, maxLength: 12 }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('build' as const) }) },
  {
    weight: 3,
    // Sometimes the list of Rutter lacks some postings of the batch.
    arbitrary: fc.record({ kind: fc.constant('complete' as const), missing: fc.constantFrom(0, 0, 0, 1, 3) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('undo' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('start' as const), slot: fc.integer({ min: 0, max: 9 }) }),
  },
);

/** A model of one feed: after every step it recomputes the expected result from all postings. */
class FeedModel {
  private readonly holder = randomUUID();
  /** Ids that are in a batch that was not undone, without those that were missing at Rutter. */
  private readonly batched = new Set<string>();
  private readonly delivered: string[] = [];
  private cursor: Position | null = null;
  private startDay = utcDayOf(startDate);
  private open: { batch: OpenBatch; ids: string[]; cursorBefore: Position | null } | null = null;

  constructor(private readonly feed: DeliveryFeed) {}

  async apply(next: Step): Promise<void> {
    switch (next.kind) {
      case 'ingest':
        await ingest(
          this.feed,
          next.chunk.map(({ id, slot, dayShift, status }) => ({
            id: `tx-${String(id).padStart(3, '0')}`,
            postedAt: instantOf(slot),
            bookingDay: addDays(utcDayOf(instantOf(slot)), dayShift),
            status,
          })),
        );
        return;
      case 'start':
        this.startDay = utcDayOf(instantOf(next.slot));
        return moveStart(this.feed, instantOf(next.slot));
      case 'build':
        return this.open === null ? await this.buildNext() : await this.buildAgain(this.open);
      case 'complete':
        return this.completeOpen(next.missing);
      case 'undo':
        return this.undoOpen();
    }
  }

  /** Completes and builds until nothing is ready, then compares what was delivered with the rows. */
  async finish(): Promise<void> {
    await this.completeOpen(0);
    for (let batches = 0; (await this.ready()).length > 0; batches += 1) {
      if (batches > idsMax) throw new Error('building does not end');
      await this.buildNext();
      await this.completeOpen(0);
    }
    await this.buildNext();
    expect(this.delivered).toHaveLength(new Set(this.delivered).size);
    const { rows } = await fixture.pool.query<{ transaction_id: string }>(
      `SELECT l.transaction_id FROM ledger l JOIN batches b USING (batch_id)
        WHERE l.feed_id = $1 AND b.state = 'delivered'`,
      [this.feed.feedId],
    );
    expect(rows.map((row) => row.transaction_id).sort()).toEqual([...this.delivered].sort());
    const due = (await this.posted()).filter((position) => position.bookingDay >= this.startDay);
    expect(new Set(this.delivered)).toEqual(
      new Set([...this.delivered, ...due.map((position) => position.id)]),
    );
  }

  private async posted(): Promise<Position[]> {
    const { rows } = await fixture.pool.query<Omit<Position, 'sequence'> & { sequence: string }>(
      `SELECT transaction_id AS id, send_at AS "sendAt", booking_day AS "bookingDay", sequence FROM postings
        WHERE account_id = $1 AND status = 'posted'`,
      [this.feed.accountId],
    );
    return rows.map((row) => ({ ...row, sequence: BigInt(row.sequence) })).sort(compare);
  }

  private async ready(): Promise<Position[]> {
    const positions = await this.posted();
    return positions.filter(
      (position) => !this.batched.has(position.id) && position.bookingDay >= this.startDay,
    );
  }

  private async buildNext(): Promise<void> {
    const expected = await this.ready();
    const result = await build(this.feed, this.holder);
    if (result.kind !== 'built') {
      expect([result.kind, expected]).toEqual(['nothing_ready', []]);
      return;
    }
    const ids = expected.map((position) => position.id);
    expect(result.postings.map((posting) => posting.transactionId)).toEqual(ids);
    expect(result.batch.size).toBe(ids.length);
    await this.checkRows(result.batch, expected);
    this.open = { batch: result.batch, ids, cursorBefore: this.cursor };
    for (const id of ids) this.batched.add(id);
    const last = expected.at(-1);
    if (last !== undefined && this.isFresh(last)) this.cursor = last;
  }

  private async checkRows(batch: OpenBatch, expected: readonly Position[]): Promise<void> {
    const again = await readBatchPostings(fixture.pool, batch);
    expect(again.map((posting) => posting.transactionId)).toEqual(expected.map((position) => position.id));
    const { rows } = await fixture.pool.query<{ transaction_id: string; late: boolean }>(
      `SELECT transaction_id, late FROM ledger WHERE batch_id = $1 ORDER BY position`,
      [batch.batchId],
    );
    expect(rows).toEqual(
      expected.map((position) => ({ transaction_id: position.id, late: !this.isFresh(position) })),
    );
  }

  private isFresh(position: Position): boolean {
    return this.cursor === null || compare(position, this.cursor) > 0;
  }

  private async buildAgain(open: { batch: OpenBatch }): Promise<void> {
    expect(await build(this.feed, this.holder)).toMatchObject({
      kind: 'lock_held',
      batch: { batchId: open.batch.batchId, idempotencyKey: open.batch.idempotencyKey },
    });
  }

  private async completeOpen(missingCount: number): Promise<void> {
    if (this.open === null) return;
    const { batch, ids } = this.open;
    const missing = ids.slice(0, missingCount);
    expect(await complete(this.feed, batch, this.holder, missing)).toBe(true);
    for (const id of missing) this.batched.delete(id);
    this.delivered.push(...ids.slice(missing.length));
    this.open = null;
  }

  private async undoOpen(): Promise<void> {
    if (this.open === null) return;
    expect(await undo(this.feed, this.open.batch, this.holder)).toBe(true);
    for (const id of this.open.ids) this.batched.delete(id);
    this.cursor = this.open.cursorBefore;
    this.open = null;
  }
}

describe('building batches', () => {
  it(`takes all ready postings in order and once, and marks those before the cursor as late (seed ${String(seed)})`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
        const model = new FeedModel(await fixture.makeFeed({ startDate }));
        for (const next of steps) await model.apply(next);
        await model.finish();
      }),
      { seed, numRuns: 60 },
    );
  });

  it('fills batches of a thousand in order of time, late postings first', async () => {
    const feed = await fixture.makeFeed({ startDate });
    const holder = randomUUID();
    const delivered: string[][] = [];
    const deliver = async () => {
      for (;;) {
        const result = await build(feed, holder);
        if (result.kind !== 'built') return expect(result.kind).toBe('nothing_ready');
        delivered.push(result.postings.map((posting) => posting.transactionId));
        await complete(feed, result.batch, holder);
      }
    };
    await fixture.addPostings(
      feed,
      postingsFrom({ from: '2026-03-20T00:00:00Z', count: 1, prefix: 'first' }),
    );
    await deliver();
    const late = postingsFrom({ from: '2026-03-02T00:00:00Z', count: 2_300, prefix: 'late' });
    const fresh = postingsFrom({ from: '2026-03-21T00:00:00Z', count: 900, prefix: 'fresh' });
    await fixture.addPostings(feed, [...fresh, ...late.reverse()]);
    await deliver();
    expect(delivered.map((batch) => batch.length)).toEqual([
      1,
      deliveryLimits.batchPostingsMax,
      1_000,
      1_000,
      200,
    ]);
    expect(delivered.flat()).toEqual(
      ['first-000001', ...[...late].reverse(), ...fresh].map((posting) =>
        typeof posting === 'string' ? posting : posting.id,
      ),
    );
    const { rows } = await fixture.pool.query(
      `SELECT count(*) FILTER (WHERE late)::int AS late, count(*)::int AS all FROM ledger WHERE feed_id = $1`,
      [feed.feedId],
    );
    expect(rows).toEqual([{ late: 2_300, all: 3_201 }]);
  });

  it('misses and repeats no posting that is stored while batches are built', async () => {
    const feed = await fixture.makeFeed({ startDate });
    const holder = randomUUID();
    const delivered: string[] = [];
    let storing = true;
    const chunks = Array.from({ length: 60 }, (_, chunk) =>
      Array.from({ length: 7 }, (__, index) => ({
        id: `tx-${String(chunk)}-${String(index)}`,
        // Each chunk is partly before and partly after the others.
        postedAt: instantOf(3 + ((chunk * 5 + index * 11) % 60)),
        status: 'posted' as const,
      })),
    );
    const stored = Promise.all(
      [0, 1, 2].map(async (writer) => {
        for (const chunk of chunks.filter((_, index) => index % 3 === writer)) await ingest(feed, chunk);
      }),
    ).finally(() => (storing = false));
    for (let isLast = false; !isLast;) {
      isLast = !storing;
      const result = await build(feed, holder);
      if (result.kind !== 'built') continue;
      isLast = false;
      delivered.push(...result.postings.map((posting) => posting.transactionId));
      await complete(feed, result.batch, holder);
    }
    await stored;
    expect([...delivered].sort()).toEqual(
      chunks
        .flat()
        .map((posting) => posting.id)
        .sort(),
    );
  });

  it('takes nothing from before the start date, and takes it when the date moves back', async () => {
    const feed = await fixture.makeFeed({ startDate });
    const holder = randomUUID();
    await fixture.addPostings(feed, [
      { id: 'before', postedAt: '2026-02-28T23:59:59.999Z' },
      { id: 'after', postedAt: startDate },
    ]);
    const first = await mustBuild(feed, holder);
    expect(first.postings.map((posting) => posting.transactionId)).toEqual(['after']);
    await complete(feed, first.batch, holder);
    await moveStart(feed, '2026-03-05T00:00:00.000Z');
    expect((await build(feed, holder)).kind).toBe('nothing_ready');
    await moveStart(feed, '2026-02-28T00:00:00.000Z');
    expect((await mustBuild(feed, holder)).postings.map((posting) => posting.transactionId)).toEqual([
      'before',
    ]);
  });
});

describe('the delivery lock', () => {
  it('is taken by one of two senders that build at the same moment, and makes the other wait', async () => {
    for (let round = 0; round < 10; round += 1) {
      const feed = await fixture.makeFeed({ startDate });
      await fixture.addPostings(feed, postingsFrom({ from: startDate, count: 3 }));
      const results = await Promise.all([build(feed, randomUUID()), build(feed, randomUUID())]);
      expect(results.map((result) => result.kind).sort()).toEqual(['built', 'lock_busy']);
    }
  });

  it('allows one open batch for all feeds of a connection, and returns it to its holder', async () => {
    const first = await fixture.makeFeed({ startDate });
    const second = await fixture.makeFeed({ connectionId: first.connectionId, startDate });
    for (const feed of [first, second]) {
      await fixture.addPostings(feed, postingsFrom({ from: startDate, count: 2 }));
    }
    const holder = randomUUID();
    const { batch } = await mustBuild(first, holder);
    expect((await build(second, randomUUID())).kind).toBe('lock_busy');
    expect(await build(second, holder)).toMatchObject({
      kind: 'lock_held',
      batch: { batchId: batch.batchId },
    });
    await complete(first, batch, holder);
    expect((await build(second, randomUUID())).kind).toBe('built');
  });

  it('is free after a build that found nothing, and after one of a feed that may not send', async () => {
    const feed = await fixture.makeFeed({ startDate });
    expect((await build(feed, randomUUID())).kind).toBe('nothing_ready');
    await fixture.pool.query(`UPDATE feeds SET operator = 'paused' WHERE feed_id = $1`, [feed.feedId]);
    expect((await build(feed, randomUUID())).kind).toBe('not_sendable');
    await fixture.pool.query(`UPDATE feeds SET operator = 'running' WHERE feed_id = $1`, [feed.feedId]);
    await fixture.addPostings(feed, postingsFrom({ from: startDate, count: 1 }));
    expect((await build(feed, randomUUID())).kind).toBe('built');
  });

  it('passes the open batch to the next holder when the lease has expired, and the old holder can no longer change it', async () => {
    const feed = await fixture.makeFeed({ startDate });
    await fixture.addPostings(feed, postingsFrom({ from: startDate, count: 3 }));
    const [old, next] = [randomUUID(), randomUUID()];
    const { batch } = await mustBuild(feed, old);
    await expireLease(feed);
    // Already before another sender takes over: an expired lease gives no rights.
    await expectNoRights(feed, batch, old);

    const taken = await build(feed, next);
    expect(taken).toMatchObject({ kind: 'lock_held', batch: { batchId: batch.batchId } });
    await expectNoRights(feed, batch, old);
    expect((await build(feed, old)).kind).toBe('lock_busy');
    expect(await openAttempts(batch)).toEqual([batch.idempotencyKey]);
    expect(await readBatchPostings(fixture.pool, batch)).toHaveLength(3);

    const key = await renew(feed, batch, next);
    expect(await openAttempts(batch)).toEqual([key]);
    expect(key).not.toBe(batch.idempotencyKey);
  });

  it('lets a former holder with evidence complete the batch, without taking the lock from its holder', async () => {
    const feed = await fixture.makeFeed({ startDate });
    await fixture.addPostings(feed, postingsFrom({ from: startDate, count: 3 }));
    const [old, next] = [randomUUID(), randomUUID()];
    const { batch } = await mustBuild(feed, old);
    await expireLease(feed);
    expect((await build(feed, next)).kind).toBe('lock_held');
    expect(await complete(feed, batch, old)).toBe(true);
    expect((await build(feed, randomUUID())).kind).toBe('lock_busy');
    expect(await undo(feed, batch, next)).toBe(false);
  });

  it('has a batch completed once when several complete it at the same moment', async () => {
    const feed = await fixture.makeFeed({ startDate });
    await fixture.addPostings(feed, postingsFrom({ from: startDate, count: 3 }));
    const holder = randomUUID();
    const { batch } = await mustBuild(feed, holder);
    const completed = await Promise.all([1, 2, 3].map(() => complete(feed, batch, holder, ['tx-000003'])));
    expect(completed.filter(Boolean)).toHaveLength(1);
    const { rows } = await fixture.pool.query(`SELECT kind FROM timeline WHERE feed_id = $1`, [feed.feedId]);
    expect(rows).toEqual([{ kind: 'batch_delivered' }]);
    const again = await mustBuild(feed, holder);
    expect(again.postings.map((posting) => posting.transactionId)).toEqual(['tx-000003']);
  });

  it('is taken by one of many senders when its lease has expired', async () => {
    const feed = await fixture.makeFeed({ startDate });
    await fixture.addPostings(feed, postingsFrom({ from: startDate, count: 3 }));
    await mustBuild(feed, randomUUID());
    await expireLease(feed);
    const results = await Promise.all(Array.from({ length: 8 }, () => build(feed, randomUUID())));
    const kinds = results.map((result) => result.kind).sort();
    expect(kinds).toEqual([...Array.from({ length: 7 }, () => 'lock_busy'), 'lock_held']);
  });
});

async function expireLease(feed: DeliveryFeed): Promise<void> {
  await fixture.pool.query(
    `UPDATE delivery_locks SET lease_until = now() - interval '1 ms' WHERE delivery_lock_id = $1`,
    [deliveryLockOf(feed)],
  );
}

function renew(feed: DeliveryFeed, batch: OpenBatch, holder: string): Promise<string | null> {
  const outcome = { httpStatus: 500, errorCode: null, errorMessage: null };
  return renewAttempt(fixture.pool, {
    batch,
    deliveryLockId: deliveryLockOf(feed),
    holder,
    outcome,
    waitMs: 0,
  });
}

async function expectNoRights(feed: DeliveryFeed, batch: OpenBatch, holder: string): Promise<void> {
  expect(await undo(feed, batch, holder)).toBe(false);
  expect(await renew(feed, batch, holder)).toBeNull();
}

async function openAttempts(batch: OpenBatch): Promise<string[]> {
  const { rows } = await fixture.pool.query<{ idempotency_key: string }>(
    `SELECT idempotency_key FROM attempts WHERE batch_id = $1 AND state IN ('open', 'in_doubt')`,
    [batch.batchId],
  );
  return rows.map((row) => row.idempotency_key);
}
