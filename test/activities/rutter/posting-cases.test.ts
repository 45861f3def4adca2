import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { parseJson } from '../../../src/api/json-text.js';
import { countByDeliveryStatus, listPostingsWithStatus } from '../../../src/db/rutter/delivery-status.js';
import { storePostings } from '../../../src/db/postings.js';
import { parsePosting, type PostingError, type ReceivedPosting } from '../../../src/domain/posting-input.js';
import {
  createDeliveryFixture,
  type DeliveryFeed,
  type DeliveryFixture,
} from '../../support/rutter/delivery-fixture.js';

/*
 * Every case of the table in docs/postings.md, from the JSON text of core banking to the booked transaction in the
 * sandbox, with the real code for parsing, storing, building, sending and completing.
 */

const startDate = '2020-01-01T00:00:00.000Z';
/** The current time of every call. */
const nowMs = Date.parse('2026-07-01T12:00:00Z');
let fixture: DeliveryFixture;

beforeAll(async () => {
  fixture = await createDeliveryFixture();
});
afterAll(async () => {
  await fixture.close();
});
afterEach(async () => {
  expect((await fixture.violations()).violations).toEqual([]);
});

interface IngestResult {
  accepted: number;
  repeated: number;
  conflicts: readonly { transactionId: string; code: string }[];
  rejected: (PostingError & { transactionId: string | null })[];
}

/** Ingests a list as the machine API does: each item is a JSON text; valid items are stored, invalid ones listed. */
async function ingest(
  account: { accountId: string },
  items: readonly string[],
  currency = 'GBP',
): Promise<IngestResult> {
  const postings: ReceivedPosting[] = [];
  const rejected: IngestResult['rejected'] = [];
  for (const item of items) {
    const json = parseJson(item);
    if ('problem' in json) {
      rejected.push({ transactionId: null, pointer: '', reason: json.detail });
      continue;
    }
    const account = { currency, accountType: 'bank', signCheck: 'reject', timeZone: null } as const;
    const parsed = parsePosting({ ...account, value: json.value, nowMs });
    if ('problem' in parsed) {
      const { transactionId, errors } = parsed.problem;
      rejected.push(...errors.map((error) => ({ ...error, transactionId })));
    } else postings.push(parsed.posting);
  }
  const result = { accepted: 0, repeated: 0, conflicts: [] as { transactionId: string; code: string }[] };
  for (let from = 0; from < postings.length; from += 1_000) {
    const chunk = postings.slice(from, from + 1_000);
    const stored = await storePostings(fixture.pool, {
      accountId: account.accountId,
      currency,
      postings: chunk,
    });
    result.accepted += stored.accepted;
    result.repeated += stored.repeated;
    result.conflicts.push(...stored.conflicts);
  }
  return { ...result, rejected };
}

/** One valid transaction as JSON text; `amountDigits` is written without quotes, as the literal of a JSON number. */
function item(id: string, change: Record<string, unknown> & { amountDigits?: string } = {}): string {
  const { amountDigits, ...fields } = change;
  const text = JSON.stringify({
    transaction_id: id,
    posted_at: '2026-02-03T09:14:07Z',
    amount: amountDigits === undefined ? '-12.50' : '#',
    description: 'Card payment',
    transaction_type: 'debit',
    ...fields,
  });
  return amountDigits === undefined ? text : text.replace('"#"', () => amountDigits);
}

async function accountIn(currency: string, from = startDate): Promise<DeliveryFeed> {
  const feed = await fixture.makeFeed({ startDate: from });
  await fixture.pool.query(`UPDATE accounts SET currency = $2 WHERE account_id = $1`, [
    feed.accountId,
    currency,
  ]);
  return feed;
}

interface Booked {
  transaction_id: string;
  posted_at: string;
  amount: number;
  description: string;
  payee: string | null;
}

async function booked(feed: DeliveryFeed): Promise<Booked[]> {
  return (await fixture.book(feed)) as unknown as Booked[];
}

const statusCountsOf = async (feed: DeliveryFeed) =>
  Object.fromEntries(
    Object.entries(await countByDeliveryStatus(fixture.pool, feed)).filter(([, count]) => count > 0),
  );

describe('amounts', () => {
  const accepted = [
    { name: 'zero', currency: 'GBP', digits: '0', amount: 0 },
    { name: 'negative zero as a number', currency: 'GBP', digits: '-0', amount: 0 },
    { name: 'negative zero as text', currency: 'GBP', digits: '"-0.00"', amount: 0 },
    { name: 'a tenth', currency: 'GBP', digits: '0.1', amount: 0.1 },
    { name: 'three tenths, as text', currency: 'GBP', digits: '"0.30"', amount: 0.3 },
    { name: 'a million million', currency: 'GBP', digits: '1000000000000', amount: 1e12 },
    { name: 'a number with an exponent that is whole', currency: 'GBP', digits: '1e12', amount: 1e12 },
    {
      name: '15 significant digits',
      currency: 'GBP',
      digits: '"-9999999999999.99"',
      amount: -9999999999999.99,
    },
    { name: 'yen without decimals', currency: 'JPY', digits: '"-1500"', amount: -1500 },
    { name: 'yen with decimals that are zeros', currency: 'JPY', digits: '"-1500.00"', amount: -1500 },
    { name: 'dinars with three decimals', currency: 'KWD', digits: '"-1.505"', amount: -1.505 },
  ];
  it.each(accepted)('are booked as the same decimal: $name', async ({ currency, digits, amount }) => {
    const feed = await accountIn(currency);
    expect(await ingest(feed, [item('a', { amountDigits: digits })], currency)).toMatchObject({
      accepted: 1,
      rejected: [],
    });
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'caught_up', delivered: 1 });
    expect((await booked(feed)).map((entry) => entry.amount)).toEqual([amount]);
  });

  const refused = [
    { name: '0.1 + 0.2 as a number', currency: 'GBP', digits: String(0.1 + 0.2) },
    { name: '0.1 + 0.2 as text', currency: 'GBP', digits: `"${String(0.1 + 0.2)}"` },
    { name: '16 significant digits', currency: 'GBP', digits: '"99999999999999.99"' },
    { name: '20 digits', currency: 'GBP', digits: '12345678901234567890' },
    { name: '1e21 as a number', currency: 'GBP', digits: '1e21' },
    { name: '1e21 as text', currency: 'GBP', digits: '"1e21"' },
    { name: 'a number beyond all doubles', currency: 'GBP', digits: '1e999' },
    { name: 'NaN as text', currency: 'GBP', digits: '"NaN"' },
    { name: 'Infinity as text', currency: 'GBP', digits: '"-Infinity"' },
    { name: 'a decimal comma', currency: 'GBP', digits: '"12,50"' },
    { name: 'three decimals in pounds', currency: 'GBP', digits: '"1.505"' },
    { name: 'yen with decimals', currency: 'JPY', digits: '"1500.5"' },
    { name: 'dinars with four decimals', currency: 'KWD', digits: '"1.5055"' },
  ];
  it.each(refused)(
    'are rejected with their reason and never rounded: $name',
    async ({ currency, digits }) => {
      const feed = await accountIn(currency);
      const result = await ingest(
        feed,
        [item('a', { amountDigits: digits }), item('b', { amount: '1' })],
        currency,
      );
      expect(result).toMatchObject({ accepted: 1, rejected: [{ transactionId: 'a', pointer: '/amount' }] });
      expect(result.rejected[0]?.reason).toMatch(/^amount /);
      await fixture.deliveryRun(feed);
      expect(await fixture.bookedIds(feed)).toEqual(['b']);
    },
  );

  it('that are no JSON (NaN, Infinity) invalidate their item only', async () => {
    const feed = await accountIn('GBP');
    const items = ['NaN', 'Infinity', '-Infinity', '01', '+1'].map((digits) =>
      item('a', { amountDigits: digits }),
    );
    const result = await ingest(feed, [...items, item('b')]);
    expect([result.accepted, result.rejected.length]).toEqual([1, 5]);
  });
});

describe('texts', () => {
  const kept = [
    {
      name: 'every script',
      text: 'Zażółć Ελληνικά Кириллица العربية עברית हिन्दी ไทย 中文 日本語 한국어 አማርኛ தமிழ் ქართული ᏣᎳᎩ',
    },
    { name: 'emoji of four bytes', text: 'Coffee \u{1F600}\u{1F1EC}\u{1F1E7}' },
    {
      name: 'emoji joined by zero-width joiners',
      text: '\u{1F468}\u200d\u{1F469}\u200d\u{1F467}\u200d\u{1F466}',
    },
    { name: 'a composed and a decomposed accent, each as it came', text: '\u00e9 e\u0301' },
    { name: 'combining runs', text: 'e\u0301\u0323\u0330'.repeat(250) },
    { name: 'a right-to-left override', text: 'Invoice \u202egnp.exe' },
    { name: 'several lines and tabs', text: 'one\ttwo\nthree\r\nfour' },
    { name: 'line separators of Unicode and a byte order mark', text: '\ufeffa\u2028b\u2029c' },
    { name: 'markup', text: `<script>alert("1")</script>&amp;'` },
    { name: 'a formula of a spreadsheet', text: `=cmd|' /C calc'!A0` },
    { name: 'a backslash, quotes and a NUL that is only written', text: String.raw`\u0000 \\ "quoted"` },
    { name: '1,000 characters', text: 'x'.repeat(1_000) },
    { name: '500 emoji, which are 1,000 UTF-16 units', text: '\u{1F600}'.repeat(500) },
    { name: 'noncharacters and the replacement character', text: 'a\uffff\ufffdb' },
  ];
  it.each(kept)('are booked unchanged: $name', async ({ text }) => {
    const feed = await accountIn('GBP');
    expect(await ingest(feed, [item('a', { description: text, payee: text })])).toMatchObject({
      accepted: 1,
    });
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'caught_up', delivered: 1 });
    expect(await booked(feed)).toMatchObject([{ description: text, payee: text }]);
  });

  const refused = [
    { name: 'NUL', text: 'a\u0000b' },
    { name: 'a control character', text: 'a\u001bb' },
    { name: 'a control character of the second block', text: 'a\u0085b' },
    { name: 'a lone high surrogate', text: 'a\ud83d' },
    { name: 'a lone low surrogate', text: '\ude00b' },
    { name: '1,001 characters', text: 'x'.repeat(1_001) },
    { name: '501 emoji', text: '\u{1F600}'.repeat(501) },
    { name: 'nothing', text: '' },
    { name: 'white space alone', text: ' \u00a0\u3000\t' },
    { name: 'invisible characters alone', text: '\u200b\u2060\u202e\u00ad' },
  ];
  it.each(refused)('are rejected with their reason and never changed silently: $name', async ({ text }) => {
    const feed = await accountIn('GBP');
    const result = await ingest(feed, [
      item('a', { description: text }),
      item('b', { payee: text }),
      item('c'),
    ]);
    expect(result.accepted).toBe(1);
    expect(result.rejected.map(({ pointer }) => pointer)).toEqual(['/description', '/payee']);
    await fixture.deliveryRun(feed);
    expect(await fixture.bookedIds(feed)).toEqual(['c']);
  });
});

describe('ids', () => {
  const different = [
    { name: 'look-alikes', ids: ['A1', '\u0410\u0031', '\uff211', 'a1', 'A\u0031\u200b', 'A1\u0301'] },
    { name: 'a composed and a decomposed accent', ids: ['caf\u00e9', 'cafe\u0301'] },
    { name: 'names of JavaScript', ids: ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'null'] },
    { name: 'SQL', ids: [`'; DROP TABLE postings; --`, `' OR '1'='1`, '%', '_', '\\'] },
    { name: 'numbers with and without zeros in front', ids: ['1', '01', '1.0', '1e0'] },
    { name: '255 characters that differ in the last', ids: [`${'x'.repeat(254)}a`, `${'x'.repeat(254)}b`] },
    { name: 'emoji and a space in the middle', ids: ['a b', 'a  b', '\u{1F600}', '\u{1F601}'] },
  ];
  it.each(different)('that differ in one byte are different postings: $name', async ({ ids }) => {
    const feed = await accountIn('GBP');
    const items = ids.map((id) => item(id));
    expect(await ingest(feed, items)).toMatchObject({ accepted: ids.length, repeated: 0 });
    expect(await ingest(feed, items)).toMatchObject({ accepted: 0, repeated: ids.length });
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'caught_up', delivered: ids.length });
    expect(await fixture.bookedIds(feed)).toEqual(ids);
    expect(({} as Record<string, unknown>)['transaction_id']).toBeUndefined();
  });

  it.each([
    { name: 'empty', id: '' },
    { name: '256 characters', id: 'x'.repeat(256) },
    { name: '10 KB', id: 'x'.repeat(10_240) },
    { name: '128 emoji, which are 256 UTF-16 units', id: '\u{1F600}'.repeat(128) },
    { name: 'a space before', id: ' a' },
    { name: 'a line feed behind', id: 'a\n' },
    { name: 'a space of another width around', id: '\u3000a\u00a0' },
    { name: 'NUL inside', id: 'a\u0000b' },
    { name: 'a lone surrogate inside', id: 'a\ud83db' },
    { name: 'a number', id: 5 },
  ])('that a provider could read differently are rejected: $name', async ({ id }) => {
    const feed = await accountIn('GBP');
    const result = await ingest(feed, [item('x').replace('"x"', () => JSON.stringify(id)), item('good')]);
    expect(result).toMatchObject({
      accepted: 1,
      rejected: [{ transactionId: null, pointer: '/transaction_id' }],
    });
  });

  it('are independent between accounts: the same id is sent once for each', async () => {
    const [one, other] = [await accountIn('GBP'), await accountIn('GBP')];
    await ingest(one, [item('same', { amount: '1' })]);
    await ingest(other, [item('same', { amount: '2' })]);
    for (const feed of [one, other]) await fixture.deliveryRun(feed);
    expect((await booked(one)).map((entry) => entry.amount)).toEqual([1]);
    expect((await booked(other)).map((entry) => entry.amount)).toEqual([2]);
  });
});

describe('instants', () => {
  const accepted = [
    { name: 'leap day', postedAt: '2024-02-29T23:59:59Z', utc: '2024-02-29T23:59:59.000Z' },
    {
      name: 'leap day that is March in UTC',
      postedAt: '2024-02-29T23:30:00-12:00',
      utc: '2024-02-29T12:00:00.000Z',
    },
    {
      name: 'the last millisecond of a year',
      postedAt: '2025-12-31T23:59:59.999Z',
      utc: '2025-12-31T23:59:59.999Z',
    },
    {
      name: 'new year on the date line',
      postedAt: '2026-01-01T00:00:00+14:00',
      utc: '2026-01-01T12:00:00.000Z',
    },
    {
      name: 'digits finer than milliseconds are truncated',
      postedAt: '2026-01-01T00:00:00.999999999Z',
      utc: '2026-01-01T00:00:00.999Z',
    },
    { name: 'a day in the future', postedAt: '2026-07-02T12:00:00Z', utc: '2026-07-02T12:00:00.000Z' },
  ];
  it.each(accepted)(
    'are booked on the day as it was written, at their own instant where it has that date in UTC: $name',
    async ({ postedAt, utc }) => {
      const feed = await accountIn('GBP');
      await ingest(feed, [item('a', { posted_at: postedAt })]);
      await fixture.deliveryRun(feed);
      expect((await booked(feed)).map((entry) => entry.posted_at)).toEqual([utc]);
    },
  );

  it('of the past are accepted from the first millisecond of 1900 on', async () => {
    const feed = await accountIn('GBP', '1899-12-31T00:00:00.000Z');
    const result = await ingest(feed, [
      item('before', { posted_at: '1899-12-31T23:59:59.999Z' }),
      item('before-in-utc', { posted_at: '1900-01-01T00:00:00+01:00' }),
      item('first', { posted_at: '1900-01-01T00:00:00Z' }),
      item('first-in-utc', { posted_at: '1899-12-31T20:00:00-04:00' }),
    ]);
    expect(result.rejected.map(({ transactionId }) => transactionId)).toEqual(['before', 'before-in-utc']);
    await fixture.deliveryRun(feed);
    expect(await fixture.bookedIds(feed)).toEqual(['first-in-utc', 'first']);
  });

  it.each([
    { name: 'a leap second', postedAt: '2016-12-31T23:59:60Z' },
    { name: 'February 29th of a common year', postedAt: '2025-02-29T00:00:00Z' },
    { name: 'February 29th of 1900, which was no leap year', postedAt: '1900-02-29T00:00:00Z' },
    { name: 'February 30th', postedAt: '2024-02-30T00:00:00Z' },
    { name: 'hour 24', postedAt: '2026-02-03T24:00:00Z' },
    { name: 'no offset', postedAt: '2026-02-03T09:14:07' },
    { name: 'an offset beyond +14:00', postedAt: '2026-02-03T09:14:07+14:01' },
    { name: 'an offset beyond -12:00', postedAt: '2026-02-03T09:14:07-12:01' },
    { name: 'a date alone that does not exist', postedAt: '2026-02-30' },
    { name: 'a date alone that has begun nowhere', postedAt: '2026-07-03' },
    { name: 'year 0000', postedAt: '0000-01-01T00:00:00Z' },
    { name: 'year 0026', postedAt: '0026-02-03T00:00:00Z' },
    { name: 'year 9999', postedAt: '9999-12-31T23:59:59Z' },
    { name: 'a millisecond more than a day in the future', postedAt: '2026-07-02T12:00:00.001Z' },
    { name: 'epoch milliseconds', postedAt: 1_770_110_047_000 },
  ])('that could not be sent are rejected with their reason: $name', async ({ postedAt }) => {
    const feed = await accountIn('GBP');
    const result = await ingest(feed, [item('a', { posted_at: postedAt }), item('good')]);
    expect(result).toMatchObject({ accepted: 1, rejected: [{ transactionId: 'a', pointer: '/posted_at' }] });
    expect(result.rejected[0]?.reason).toMatch(/^posted_at /);
  });

  it('around a clock change are sent in order of time, not of the local clock', async () => {
    const feed = await accountIn('GBP');
    // London: on 29 March 2026 there is no 01:30; on 26 October 2025 there are two.
    await ingest(feed, [
      item('spring-after', { posted_at: '2026-03-29T02:10:00+01:00' }),
      item('spring-before', { posted_at: '2026-03-29T00:50:00+00:00' }),
      item('autumn-second-0130', { posted_at: '2025-10-26T01:30:00+00:00' }),
      item('autumn-first-0140', { posted_at: '2025-10-26T01:40:00+01:00' }),
      item('autumn-first-0130', { posted_at: '2025-10-26T01:30:00+01:00' }),
    ]);
    await fixture.deliveryRun(feed);
    expect(await fixture.bookedIds(feed)).toEqual([
      'autumn-first-0130',
      'autumn-first-0140',
      'autumn-second-0130',
      'spring-before',
      'spring-after',
    ]);
  });

  it('written with any offset from -12:00 to +14:00 are the same posting', async () => {
    const feed = await accountIn('GBP');
    const atMs = Date.parse('2026-02-03T09:14:07Z');
    const offsets = Array.from({ length: (26 * 60) / 15 + 1 }, (_, index) => -12 * 60 + 15 * index);
    const items = offsets.map((minutes) => {
      const local = new Date(atMs + minutes * 60_000).toISOString().slice(0, 19);
      const [hours, rest] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60];
      const two = (value: number) => String(value).padStart(2, '0');
      return item('a', { posted_at: `${local}${minutes < 0 ? '-' : '+'}${two(hours)}:${two(rest)}` });
    });
    expect(await ingest(feed, items)).toMatchObject({
      accepted: 1,
      repeated: items.length - 1,
      conflicts: [],
    });
    await fixture.deliveryRun(feed);
    // The first was written with -12:00, the evening before.
    expect(await booked(feed)).toMatchObject([{ posted_at: '2026-02-02T12:00:00.000Z' }]);
  });

  it('that are all equal are sent in order of arrival across two batch boundaries', async () => {
    const feed = await accountIn('GBP');
    // The ids are in no alphabetical order, so only the order of arrival explains the result.
    const ids = Array.from({ length: 2_500 }, (_, index) => `tx-${String((index * 7_919) % 2_500)}`);
    const items = ids.map((id) => item(id));
    expect(await ingest(feed, items)).toMatchObject({ accepted: 2_500 });
    const posts = await fixture.posts();
    expect(await fixture.deliveryRun(feed)).toMatchObject({
      outcome: 'caught_up',
      batches: 3,
      delivered: 2_500,
    });
    expect((await fixture.posts()) - posts).toBe(3);
    expect(await fixture.bookedIds(feed)).toEqual(ids);
  });
});

describe('the same posting again', () => {
  it('is counted as repeated in any format, before and after its delivery, and sent once', async () => {
    const feed = await accountIn('GBP');
    const formats = [
      item('a', { amount: '-1.50' }),
      item('a', { amountDigits: '-1.5' }),
      item('a', { amount: '-1.5', posted_at: '2026-02-03T10:14:07.000+01:00' }),
      item('a', { amount: '-1.500', status: 'posted', payee: null, corrects: null }),
    ];
    expect(await ingest(feed, formats)).toMatchObject({ accepted: 1, repeated: 3 });
    await fixture.deliveryRun(feed);
    expect(await ingest(feed, formats)).toMatchObject({ accepted: 0, repeated: 4, conflicts: [] });
    await fixture.deliveryRun(feed);
    expect(await fixture.bookedIds(feed)).toEqual(['a']);
  });

  it('with other content is a conflict that changes nothing that is booked', async () => {
    const feed = await accountIn('GBP');
    await ingest(feed, [item('a', { amount: '1' })]);
    await fixture.deliveryRun(feed);
    const result = await ingest(feed, [
      item('a', { amount: '2' }),
      item('a', { description: 'card payment' }),
      item('a', { status: 'void' }),
    ]);
    expect(result.conflicts.map(({ code }) => code)).toEqual([
      'other_content',
      'other_content',
      'already_in_batch',
    ]);
    await fixture.deliveryRun(feed);
    expect((await booked(feed)).map((entry) => entry.amount)).toEqual([1]);
    const { rows } = await fixture.pool.query(`SELECT 1 FROM posting_conflicts WHERE account_id = $1`, [
      feed.accountId,
    ]);
    expect(rows).toHaveLength(3);
  });
});

describe('a pending posting', () => {
  it('is held, and sent with the amount of its posted version', async () => {
    const feed = await accountIn('GBP');
    await ingest(feed, [item('a', { status: 'pending', amount: '-10' })]);
    await fixture.deliveryRun(feed);
    expect([await fixture.bookedIds(feed), await statusCountsOf(feed)]).toEqual([[], { held: 1 }]);
    expect(await ingest(feed, [item('a', { amount: '-11.20' })])).toMatchObject({ accepted: 1 });
    await fixture.deliveryRun(feed);
    expect((await booked(feed)).map((entry) => entry.amount)).toEqual([-11.2]);
  });

  it('that is posted under a new id is sent once, and the old one stays held until it is withdrawn', async () => {
    const feed = await accountIn('GBP');
    await ingest(feed, [item('auth-1', { status: 'pending' })]);
    await ingest(feed, [item('final-1')]);
    await fixture.deliveryRun(feed);
    expect([await fixture.bookedIds(feed), await statusCountsOf(feed)]).toEqual([
      ['final-1'],
      { held: 1, delivered: 1 },
    ]);
    await ingest(feed, [item('auth-1', { status: 'void' })]);
    await fixture.deliveryRun(feed);
    expect([await fixture.bookedIds(feed), await statusCountsOf(feed)]).toEqual([
      ['final-1'],
      { withdrawn: 1, delivered: 1 },
    ]);
  });

  it('that is withdrawn or never posted is never sent', async () => {
    const feed = await accountIn('GBP');
    await ingest(feed, [item('void', { status: 'pending' }), item('vanishes', { status: 'pending' })]);
    await ingest(feed, [
      item('void', { status: 'void' }),
      item('later', { posted_at: '2026-06-01T00:00:00Z' }),
    ]);
    await fixture.deliveryRun(feed);
    expect(await fixture.bookedIds(feed)).toEqual(['later']);
    expect(await statusCountsOf(feed)).toEqual({ held: 1, withdrawn: 1, delivered: 1 });
  });

  it('that was withdrawn before is a conflict, not a delivery', async () => {
    const feed = await accountIn('GBP');
    await ingest(feed, [item('a', { status: 'void' })]);
    expect((await ingest(feed, [item('a')])).conflicts).toEqual([
      { transactionId: 'a', code: 'already_void' },
    ]);
    await fixture.deliveryRun(feed);
    expect([await fixture.bookedIds(feed), await statusCountsOf(feed)]).toEqual([[], { withdrawn: 1 }]);
  });

  it('that is posted with a date before what was delivered is late, not lost', async () => {
    const feed = await accountIn('GBP');
    await ingest(feed, [
      item('auth', { status: 'pending', posted_at: '2026-02-01T00:00:00Z' }),
      item('next-day', { posted_at: '2026-02-02T00:00:00Z' }),
    ]);
    await fixture.deliveryRun(feed);
    await ingest(feed, [item('auth', { posted_at: '2026-02-01T00:00:00Z' })]);
    await fixture.deliveryRun(feed);
    expect(await fixture.bookedIds(feed)).toEqual(['next-day', 'auth']);
    const [posting] = await listPostingsWithStatus(fixture.pool, { feedId: feed.feedId, limit: 1 });
    expect(posting).toMatchObject({ transactionId: 'auth', late: true, deliveryStatus: 'delivered' });
  });
});

describe('a late posting', () => {
  it('at the instant of the last delivered one is sent after it and is not late', async () => {
    const feed = await accountIn('GBP');
    await ingest(feed, [item('first')]);
    await fixture.deliveryRun(feed);
    await ingest(feed, [item('second')]);
    await fixture.deliveryRun(feed);
    expect(await fixture.bookedIds(feed)).toEqual(['first', 'second']);
    const [posting] = await listPostingsWithStatus(fixture.pool, { feedId: feed.feedId, limit: 1 });
    expect(posting).toMatchObject({ transactionId: 'second', late: false });
  });

  it('is sent first in the next batch, several late ones in order of time', async () => {
    const feed = await accountIn('GBP');
    await ingest(feed, [item('delivered', { posted_at: '2026-03-01T00:00:00Z' })]);
    await fixture.deliveryRun(feed);
    await ingest(feed, [
      item('new', { posted_at: '2026-03-02T00:00:00Z' }),
      item('late-2', { posted_at: '2026-02-02T00:00:00Z' }),
      item('late-1', { posted_at: '2026-02-01T00:00:00Z' }),
    ]);
    await fixture.deliveryRun(feed);
    expect(await fixture.bookedIds(feed)).toEqual(['delivered', 'late-1', 'late-2', 'new']);
  });
});

describe('the start date', () => {
  it('holds older postings, and exactly these are sent when it moves back', async () => {
    const feed = await accountIn('GBP', '2026-03-01T00:00:00.000Z');
    await ingest(feed, [
      item('day-before', { posted_at: '2026-02-28T23:59:59.999Z' }),
      item('the-day', { posted_at: '2026-03-01T00:00:00Z' }),
      item('before-in-utc', { posted_at: '2026-03-01T00:30:00+01:00' }),
      item('evening-before', { posted_at: '2026-02-28T20:00:00-05:00' }),
    ]);
    await fixture.deliveryRun(feed);
    expect([await fixture.bookedIds(feed), await statusCountsOf(feed)]).toEqual([
      ['the-day', 'before-in-utc'],
      { before_start: 2, delivered: 2 },
    ]);
    await fixture.control('POST', `/accounts/${feed.rutterAccountId}/select`, {
      transaction_start_date: '2026-02-01T00:00:00.000Z',
    });
    await fixture.deliveryRun(feed, { readAccount: true });
    expect(await fixture.bookedIds(feed)).toEqual([
      'the-day',
      'before-in-utc',
      'evening-before',
      'day-before',
    ]);
    expect(await statusCountsOf(feed)).toEqual({ delivered: 4 });
  });
});

describe('a correction', () => {
  it('is a separate posting that is linked to the one it corrects', async () => {
    const feed = await accountIn('GBP');
    await ingest(feed, [item('wrong', { amount: '-10' })]);
    await fixture.deliveryRun(feed);
    const result = await ingest(feed, [
      item('right', { amount: '1', transaction_type: 'credit', corrects: 'wrong' }),
      item('of-itself', { corrects: 'of-itself' }),
      item('of-nothing-known', { corrects: 'not-seen-yet' }),
    ]);
    expect(result).toMatchObject({
      accepted: 2,
      rejected: [{ transactionId: 'of-itself', pointer: '/corrects' }],
    });
    await fixture.deliveryRun(feed);
    expect(await fixture.bookedIds(feed)).toEqual(['wrong', 'right', 'of-nothing-known']);
    const postings = await listPostingsWithStatus(fixture.pool, { feedId: feed.feedId, limit: 10 });
    expect(postings.map(({ transactionId, corrects }) => [transactionId, corrects])).toEqual([
      ['of-nothing-known', 'not-seen-yet'],
      ['right', 'wrong'],
      ['wrong', null],
    ]);
  });
});

describe('items', () => {
  it('with unknown or duplicate fields are rejected with their reason, including names of the prototype', async () => {
    const feed = await accountIn('GBP');
    const result = await ingest(feed, [
      item('a', { desciption: 'x' }),
      `{"__proto__": {"status": "void"}, ${item('b').slice(1)}`,
      `{"amount": "1", ${item('c').slice(1)}`,
      '[]',
      'null',
      '"x"',
      item('good'),
    ]);
    expect(result.accepted).toBe(1);
    expect(result.rejected.map(({ pointer }) => pointer)).toEqual([
      '/desciption',
      '/__proto__',
      '',
      '',
      '',
      '',
    ]);
    expect(({} as Record<string, unknown>)['status']).toBeUndefined();
  });
});
