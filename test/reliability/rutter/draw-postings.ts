import fc from 'fast-check';

/*
 * What core banking may send: fast-check arbitraries for every case of docs/postings.md. Each item says beside its JSON
 * what has to come of it, so that nobody needs to ask the product what the product should have done.
 */

export type SentStatus = 'posted' | 'pending' | 'void';

/** A posting as it must stand with us and arrive in Sage; the canonical form, drawn first and then written down. */
export interface ExpectedPosting {
  readonly transactionId: string;
  readonly postedAtMs: number;
  /** Exact decimal without superfluous zeros. */
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
  /** Null: it must be refused at ingestion, by name. */
  readonly expected: ExpectedPosting | null;
}

/** One call of core banking for an account: its items, in order. */
export interface SentCall {
  readonly items: readonly SentItem[];
}

export const drawnCurrencies = ['GBP', 'EUR', 'JPY', 'KWD'] as const;
export type DrawnCurrency = (typeof drawnCurrencies)[number];

/** The simulation's postings lie before this instant; the real clock is never asked. */
export const simulationNowMs = Date.parse('2026-06-01T12:00:00Z');
const simulationBeginMs = Date.parse('2026-02-20T00:00:00Z');
const hourMs = 3_600_000;
const slotsMax = 400;
const idNumbersMax = 60;
const itemsPerCallMax = 12;
/** Two borders of a batch lie within so many postings of one instant. */
const crowdMax = 2_500;
const textLengthMax = 1_000;

/** Where calendars and clocks go wrong: leap days, clock changes, year ends, the last millisecond of a day. */
const oddInstants = [
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

/** Feeds begin here or there, with postings on both sides. */
export function drawStartDate(): fc.Arbitrary<string> {
  return fc
    .oneof(
      { weight: 3, arbitrary: fc.constant(simulationBeginMs) },
      {
        weight: 2,
        arbitrary: fc.integer({ min: 0, max: slotsMax }).map((slot) => simulationBeginMs + slot * hourMs),
      },
      { weight: 1, arbitrary: fc.constantFrom(...oddInstants) },
    )
    .map((ms) => new Date(ms).toISOString());
}

function drawInstant(): fc.Arbitrary<number> {
  // Few slots, so that the same instant comes often; the milliseconds make neighbours.
  return fc.oneof(
    {
      weight: 8,
      arbitrary: fc
        .tuple(fc.integer({ min: 0, max: slotsMax }), fc.constantFrom(0, 0, 0, 1, 999))
        .map(([slot, ms]) => simulationBeginMs + slot * hourMs + ms),
    },
    { weight: 2, arbitrary: fc.constantFrom(...oddInstants) },
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
    .map(([units, places]) => decimalText(units, places));
  return fc.oneof({ weight: 2, arbitrary: fc.constantFrom(...known) }, { weight: 3, arbitrary: any });
}

/** `units` · 10^-places, canonical. */
function decimalText(units: number, places: number): string {
  const digits = String(Math.abs(units)).padStart(places + 1, '0');
  const whole = digits.slice(0, digits.length - places);
  const fraction = digits.slice(digits.length - places).replace(/0+$/, '');
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

/** Few of them, so that the same id comes again, in other content or another account. */
export function drawCommonId(): fc.Arbitrary<string> {
  return fc.integer({ min: 0, max: idNumbersMax }).map((n) => `tx-${String(n).padStart(3, '0')}`);
}

function drawId(): fc.Arbitrary<string> {
  const odd = ['__proto__', 'ТХ-001', 'tx-001\u200b', "'; DROP TABLE x", '☕-1', 'x'.repeat(255)];
  return fc.oneof(
    { weight: 12, arbitrary: drawCommonId() },
    { weight: 1, arbitrary: fc.constantFrom(...odd) },
  );
}

function drawExpected(currency: DrawnCurrency): fc.Arbitrary<ExpectedPosting> {
  return fc.record({
    transactionId: drawId(),
    postedAtMs: drawInstant(),
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
    corrects: fc.oneof(
      { weight: 9, arbitrary: fc.constant(null) },
      { weight: 1, arbitrary: fc.constant('tx-corrected') },
    ),
  });
}

/** Minutes east of UTC, as core banking's branches write their local time. */
const offsets = [0, 0, 60, -720, 345, 840];

/** The same posting in one of the ways in which it may be written. */
function write(
  posting: ExpectedPosting,
  way: { offsetMinutes: number; asNumber: boolean; zeros: boolean },
): unknown {
  const { amount } = posting;
  const padded = way.zeros ? `${amount}${amount.includes('.') ? '0' : '.00'}` : amount;
  return {
    transaction_id: posting.transactionId,
    posted_at: instantText(posting.postedAtMs, way.offsetMinutes),
    amount: way.asNumber ? Number(amount) : padded,
    description: posting.description,
    transaction_type: posting.transactionType,
    ...(posting.payee === null && way.zeros ? {} : { payee: posting.payee }),
    ...(posting.status === 'posted' && way.zeros ? {} : { status: posting.status }),
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

type Spoil = (value: Record<string, unknown>, text: string) => Record<string, unknown>;

/** Each makes of a good item one that must be refused. */
const spoils: readonly Spoil[] = [
  (value, text) => ({ ...value, description: text }),
  (value) => ({ ...value, posted_at: '2016-12-31T23:59:60Z' }),
  (value) => ({ ...value, posted_at: '2026-02-30T00:00:00Z' }),
  (value) => ({ ...value, posted_at: '2026-03-01T00:00:00' }),
  (value) => ({ ...value, posted_at: '2031-01-01T00:00:00Z' }),
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
  const way = fc.record({
    offsetMinutes: fc.constantFrom(...offsets),
    asNumber: fc.boolean(),
    zeros: fc.boolean(),
  });
  const good = fc
    .tuple(drawExpected(currency), way)
    .map(([expected, how]) => ({ value: write(expected, how), expected }));
  const bad = fc
    .tuple(drawExpected(currency), fc.constantFrom(...spoils), fc.constantFrom(...refusedTexts))
    .map(([expected, spoil, text]): SentItem => {
      const value = write(expected, { offsetMinutes: 0, asNumber: false, zeros: true });
      return { value: spoil(value as Record<string, unknown>, text), expected: null };
    });
  return fc.oneof({ weight: 12, arbitrary: good }, { weight: 1, arbitrary: bad });
}

/** Many postings at once, in one instant or a millisecond apart, from their number alone. */
function crowd(input: { prefix: string; count: number; fromMs: number; apartMs: number }): SentCall {
  const items = Array.from({ length: input.count }, (_, index): SentItem => {
    const expected: ExpectedPosting = {
      transactionId: `${input.prefix}-${String(index).padStart(5, '0')}`,
      postedAtMs: input.fromMs + index * input.apartMs,
      amount: String(index + 1),
      description: 'One of many',
      payee: null,
      transactionType: 'debit',
      status: 'posted',
      corrects: null,
    };
    return { value: write(expected, { offsetMinutes: 0, asNumber: false, zeros: false }), expected };
  });
  return { items };
}

/** A few postings, sent now: new, repeated, conflicting, late, pending, withdrawn, spoilt. */
export function drawCall(currency: DrawnCurrency): fc.Arbitrary<SentCall> {
  return fc
    .array(drawItem(currency), { minLength: 1, maxLength: itemsPerCallMax })
    .map((items) => ({ items }));
}

/** More than one batch: up to 2,500 of the same instant, so that a batch's border falls among equals. */
export function drawCrowd(): fc.Arbitrary<SentCall> {
  return fc
    .record({
      prefix: fc.constantFrom('crowd', 'other'),
      count: fc.constantFrom(999, 1_000, 1_001, 2_000, crowdMax),
      fromMs: fc.integer({ min: 0, max: slotsMax }).map((slot) => simulationBeginMs + slot * hourMs),
      apartMs: fc.constantFrom(0, 0, 1),
    })
    .map(crowd);
}

/** The date that a customer chooses who has not chosen yet. */
export const defaultStartDate = new Date(simulationBeginMs).toISOString();
