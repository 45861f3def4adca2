import fc from 'fast-check';
import { noonOf, utcDay } from './calendar.js';

/*
 * Postings that core banking may send: fast-check arbitraries for every case of docs/postings.md. Each item carries its
 * JSON and the expected result, so that the checker does not derive the expectation from the code under test.
 */

export type SentStatus = 'posted' | 'pending' | 'void';

/** When a posting happened, as it is written. */
export interface SentDate {
  /** Null: `posted_at` is a day alone. */
  readonly instantMs: number | null;
  /** The day as it is written in `posted_at`. */
  readonly writtenDay: string;
  readonly bookingDate: string | null;
}

/** A valid posting in canonical form, from which the JSON is written. */
export interface SentPosting {
  readonly transactionId: string;
  readonly date: SentDate;
  /** Exact decimal without trailing zeros. */
  readonly amount: string;
  readonly description: string;
  readonly payee: string | null;
  readonly transactionType: string;
  readonly status: SentStatus;
  readonly corrects: string | null;
}

/** One item of a call to the machine API. */
export interface SentItem {
  readonly value: unknown;
  /** Null: ingestion must reject the item. */
  readonly expected: SentPosting | null;
}

/** One call of core banking for an account, its items in order. */
export interface SentCall {
  readonly items: readonly SentItem[];
}

export const drawnCurrencies = ['GBP', 'EUR', 'JPY', 'KWD'] as const;
export type DrawnCurrency = (typeof drawnCurrencies)[number];

/** All drawn postings are before this instant; the real clock is not used. */
export const simulationNowMs = Date.parse('2026-06-01T12:00:00Z');
const simulationBeginMs = Date.parse('2026-02-20T00:00:00Z');
const minuteMs = 60_000;
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
/** No booking date is drawn before: some would lie before the first year that is accepted. */
const firstBookableMs = Date.parse('1901-01-01T00:00:00Z');
/** Minutes east of UTC. */
const offsets = [0, 0, 60, -720, 345, 840];
const slotsMax = 400;
const idNumbersMax = 60;
const itemsPerCallMax = 12;
/** So many postings of one instant contain two batch boundaries. */
const bulkPostingsMax = 2_500;
const textLengthMax = 1_000;

/** Instants with calendar problems: leap days, clock changes, year ends, the last millisecond of a day. */
const calendarEdgeCases = [
  '2024-02-29T23:59:59.999Z',
  '2024-12-31T23:59:59.999Z',
  '2025-01-01T00:00:00.000Z',
  '2026-03-29T00:59:59.999Z',
  '2026-03-29T01:00:00.000Z',
  '2025-10-26T00:30:00.000Z',
  '2025-10-26T01:30:00.000Z',
  '2026-03-01T00:00:00.000Z',
  '1900-01-02T00:00:00.000Z',
].map((text) => Date.parse(text));

/** A start date of a feed, with postings on both sides. */
export function drawStartDate(): fc.Arbitrary<string> {
  return fc
    .oneof(
      { weight: 3, arbitrary: fc.constant(simulationBeginMs) },
      {
        weight: 2,
        arbitrary: fc.integer({ min: 0, max: slotsMax }).map((slot) => simulationBeginMs + slot * hourMs),
      },
      { weight: 1, arbitrary: fc.constantFrom(...calendarEdgeCases) },
    )
    .map((ms) => new Date(ms).toISOString());
}

/** The last day of an account, with postings on both sides; or one that is still to come. */
export function drawClosingDay(): fc.Arbitrary<string> {
  return fc.oneof(
    {
      weight: 4,
      arbitrary: fc
        .integer({ min: 0, max: slotsMax })
        .map((slot) => utcDay(simulationBeginMs + slot * hourMs)),
    },
    { weight: 1, arbitrary: fc.constant('2999-12-31') },
  );
}

function drawInstant(): fc.Arbitrary<number> {
  // Few slots, so that equal instants are frequent; the milliseconds make close neighbors.
  return fc.oneof(
    {
      weight: 8,
      arbitrary: fc
        .tuple(fc.integer({ min: 0, max: slotsMax }), fc.constantFrom(0, 0, 0, 1, 999))
        .map(([slot, ms]) => simulationBeginMs + slot * hourMs + ms),
    },
    { weight: 2, arbitrary: fc.constantFrom(...calendarEdgeCases) },
  );
}

const decimalsOf: Record<DrawnCurrency, number> = { GBP: 2, EUR: 2, JPY: 0, KWD: 3 };

function drawAmount(currency: DrawnCurrency): fc.Arbitrary<string> {
  const decimals = decimalsOf[currency];
  const known = ['0', '1', '-1', '1000000000000', '-1000000000000', '999999999999999']
    .concat(
      decimals >= 2 ? ['0.3', '-0.3', '0.1', '-12.5', '0.07', '1000000000000.01', '-9999999999999.99'] : [],
    )
    .concat(decimals >= 3 ? ['0.001', '-1.005', '123456789012.345'] : []);
  const any = fc
    .tuple(fc.integer({ min: -10_000_000, max: 10_000_000 }), fc.integer({ min: 0, max: decimals }))
    .map(([units, fractionDigits]) => decimalText(units, fractionDigits));
  return fc.oneof({ weight: 2, arbitrary: fc.constantFrom(...known) }, { weight: 3, arbitrary: any });
}

/** `units` · 10^-fractionDigits, canonical. */
function decimalText(units: number, fractionDigits: number): string {
  const digits = String(Math.abs(units)).padStart(fractionDigits + 1, '0');
  const whole = digits.slice(0, digits.length - fractionDigits);
  const fraction = digits.slice(digits.length - fractionDigits).replace(/0+$/, '');
  const unsigned = fraction === '' ? whole : `${whole}.${fraction}`;
  return units < 0 && unsigned !== '0' ? `-${unsigned}` : unsigned;
}

const texts = [
  'Card payment',
  'Überweisung Müller & Söhne',
  'Кофейня на углу',
  'مقهى الميناء',
  'בית קפה',
  '港の喫茶店',
  '항구 카페',
  'กาแฟ',
  'हिसाब',
  '☕️ 👩‍👩‍👧‍👦 🇬🇧',
  'a\u0301e\u0301 combining, \u202Eright to left\u202C',
  '=cmd()|"quoted", <b>markup</b> & \\ back',
  'two\nlines\tand a tab',
  `${'x'.repeat(textLengthMax - 1)}é`,
  '🪙'.repeat(textLengthMax / 2),
];

/** NUL, an escape, half of an emoji. */
const refusedTexts = [
  'nul \u0000 inside',
  'escape \u001b[31m',
  'half \ud83d of it',
  '',
  ' ',
  'x'.repeat(textLengthMax + 1),
];

/** Few ids, so that the same id is drawn again with other content or for another account. */
export function drawCommonId(): fc.Arbitrary<string> {
  return fc.integer({ min: 0, max: idNumbersMax }).map((n) => `tx-${String(n).padStart(3, '0')}`);
}

function drawId(): fc.Arbitrary<string> {
  const unusual = ['__proto__', 'ТХ-001', 'tx-001\u200b', "'; DROP TABLE x", '☕-1', 'x'.repeat(255)];
  return fc.oneof(
    { weight: 12, arbitrary: drawCommonId() },
    { weight: 1, arbitrary: fc.constantFrom(...unusual) },
  );
}

/** Few postings name a day: one that is derived from the instant, one before or after it, or a day instead of an instant. */
function drawDate(): fc.Arbitrary<SentDate & { offsetMinutes: number }> {
  return fc
    .record({
      atMs: drawInstant(),
      offsetMinutes: fc.constantFrom(...offsets),
      bookingDaysLater: fc.constantFrom(null, null, null, null, 0, 1, -1, -3),
      dayAlone: fc.integer({ min: 0, max: 9 }).map((n) => n === 9),
    })
    .map(({ atMs, offsetMinutes, bookingDaysLater, dayAlone }) => {
      const writtenDay = utcDay(atMs + offsetMinutes * minuteMs);
      const bookingDate =
        bookingDaysLater === null || atMs < firstBookableMs
          ? null
          : utcDay(noonOf(writtenDay) + bookingDaysLater * dayMs);
      return { instantMs: dayAlone ? null : atMs, writtenDay, bookingDate, offsetMinutes };
    });
}

type DrawnPosting = SentPosting & { readonly date: { readonly offsetMinutes: number } };

function drawExpected(currency: DrawnCurrency): fc.Arbitrary<DrawnPosting> {
  return drawFields(currency).map((posting) => ({
    ...posting,
    amount: signed(posting),
    // No posting corrects itself.
    corrects: posting.corrects === posting.transactionId ? null : posting.corrects,
  }));
}

/** The amount with the sign that the type says. */
function signed({ amount, transactionType }: Pick<SentPosting, 'amount' | 'transactionType'>): string {
  const unsigned = amount.replace('-', '');
  if (transactionType === 'credit' || transactionType === 'deposit') return unsigned;
  if (transactionType === 'debit' || transactionType === 'fee')
    return unsigned === '0' ? '0' : `-${unsigned}`;
  return amount;
}

function drawFields(currency: DrawnCurrency): fc.Arbitrary<DrawnPosting> {
  return fc.record({
    transactionId: drawId(),
    date: drawDate(),
    amount: drawAmount(currency),
    description: fc.oneof(
      { weight: 3, arbitrary: fc.constant('Card payment') },
      { weight: 1, arbitrary: fc.constantFrom(...texts) },
    ),
    payee: fc.oneof(
      { weight: 3, arbitrary: fc.constant(null) },
      { weight: 1, arbitrary: fc.constantFrom(...texts) },
    ),
    transactionType: fc.constantFrom(
      'credit',
      'debit',
      'fee',
      'deposit',
      'transfer',
      'payment',
      'interest',
      'unknown',
    ),
    status: fc.oneof(
      { weight: 8, arbitrary: fc.constant<SentStatus>('posted') },
      { weight: 2, arbitrary: fc.constant<SentStatus>('pending') },
      { weight: 1, arbitrary: fc.constant<SentStatus>('void') },
    ),
    // A posting that may be there, or never arrives.
    corrects: fc.oneof(
      { weight: 7, arbitrary: fc.constant(null) },
      { weight: 1, arbitrary: fc.constant('tx-corrected') },
      { weight: 1, arbitrary: drawCommonId() },
    ),
  });
}

/** The JSON of a posting in one of its permitted formats. */
function write(posting: DrawnPosting, format: { asNumber: boolean; zeros: boolean }): unknown {
  const { amount, date } = posting;
  const padded = format.zeros ? `${amount}${amount.includes('.') ? '0' : '.00'}` : amount;
  return {
    transaction_id: posting.transactionId,
    posted_at: date.instantMs === null ? date.writtenDay : instantText(date.instantMs, date.offsetMinutes),
    ...(date.bookingDate === null ? {} : { booking_date: date.bookingDate }),
    amount: format.asNumber ? Number(amount) : padded,
    description: posting.description,
    transaction_type: posting.transactionType,
    ...(posting.payee === null && format.zeros ? {} : { payee: posting.payee }),
    ...(posting.status === 'posted' && format.zeros ? {} : { status: posting.status }),
    ...(posting.corrects === null ? {} : { corrects: posting.corrects }),
  };
}

function instantText(atMs: number, offsetMinutes: number): string {
  const local = new Date(atMs + offsetMinutes * 60_000).toISOString().slice(0, -1);
  if (offsetMinutes === 0) return `${local}Z`;
  const minutes = Math.abs(offsetMinutes);
  const two = (value: number) => String(value).padStart(2, '0');
  return `${local}${offsetMinutes < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

type Invalidate = (value: Record<string, unknown>, text: string) => Record<string, unknown>;

/** Each makes a valid item invalid. */
const invalidations: readonly Invalidate[] = [
  (value, text) => ({ ...value, description: text }),
  (value) => ({ ...value, posted_at: '2016-12-31T23:59:60Z' }),
  (value) => ({ ...value, posted_at: '2026-02-30T00:00:00Z' }),
  (value) => ({ ...value, posted_at: '2026-03-01T00:00:00' }),
  (value) => ({ ...value, posted_at: '2031-01-01T00:00:00Z' }),
  (value) => ({ ...value, posted_at: '2031-01-01' }),
  (value) => ({ ...value, booking_date: '2026-02-30' }),
  (value) => ({ ...value, booking_date: '2031-01-01' }),
  (value) => ({ ...value, amount: '1', transaction_type: 'fee', status: 'posted' }),
  (value) => ({ ...value, amount: '-1', transaction_type: 'deposit', status: 'pending' }),
  (value) => ({ ...value, amount: '0.0001' }),
  (value) => ({ ...value, amount: '12,50' }),
  (value) => ({ ...value, amount: '1e21' }),
  (value) => ({ ...value, amount: '12345678901234567' }),
  (value) => ({ ...value, amount: Number.NaN }),
  (value) => ({ ...value, transaction_id: ' tx-1' }),
  (value) => ({ ...value, paye: 'misspelt' }),
  (value) => ({ ...value, corrects: value['transaction_id'] }),
];

function drawItem(currency: DrawnCurrency): fc.Arbitrary<SentItem> {
  const format = fc.record({
    asNumber: fc.boolean(),
    zeros: fc.boolean(),
  });
  const good = fc
    .tuple(drawExpected(currency), format)
    .map(([expected, chosen]) => ({ value: write(expected, chosen), expected }));
  const bad = fc
    .tuple(drawExpected(currency), fc.constantFrom(...invalidations), fc.constantFrom(...refusedTexts))
    .map(([expected, invalidate, text]): SentItem => {
      const value = write(expected, { asNumber: false, zeros: true });
      return { value: invalidate(value as Record<string, unknown>, text), expected: null };
    });
  return fc.oneof({ weight: 12, arbitrary: good }, { weight: 1, arbitrary: bad });
}

export const bulkPrefixes = ['bulk', 'other'] as const;

/** Of the n-th posting of a bulk call. */
export function bulkId(prefix: string, index: number): string {
  return `${prefix}-${String(index).padStart(5, '0')}`;
}

/** Many postings at once, of one instant or a millisecond apart. */
function bulkCall(input: { prefix: string; count: number; fromMs: number; apartMs: number }): SentCall {
  const items = Array.from({ length: input.count }, (_, index): SentItem => {
    const instantMs = input.fromMs + index * input.apartMs;
    const expected: DrawnPosting = {
      transactionId: bulkId(input.prefix, index),
      date: { instantMs, writtenDay: utcDay(instantMs), bookingDate: null, offsetMinutes: 0 },
      amount: String(index + 1),
      description: 'One of many',
      payee: null,
      transactionType: 'credit',
      status: 'posted',
      corrects: null,
    };
    return { value: write(expected, { asNumber: false, zeros: false }), expected };
  });
  return { items };
}

/** A few postings: new, repeated, conflicting, late, pending, withdrawn or invalid. */
export function drawCall(currency: DrawnCurrency): fc.Arbitrary<SentCall> {
  return fc
    .array(drawItem(currency), { minLength: 1, maxLength: itemsPerCallMax })
    .map((items) => ({ items }));
}

/** More than one batch: up to 2,500 postings of one instant, so that a batch ends among equal instants. */
export function drawBulkCall(): fc.Arbitrary<SentCall> {
  return fc
    .record({
      prefix: fc.constantFrom(...bulkPrefixes),
      count: fc.constantFrom(999, 1_000, 1_001, 2_000, bulkPostingsMax),
      fromMs: fc.integer({ min: 0, max: slotsMax }).map((slot) => simulationBeginMs + slot * hourMs),
      apartMs: fc.constantFrom(0, 0, 1),
    })
    .map(bulkCall);
}

/** The start date that a customer chooses at the end of a run if none was chosen before. */
export const defaultStartDate = new Date(simulationBeginMs).toISOString();
