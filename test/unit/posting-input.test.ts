import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalContent, parsePosting, type ReceivedPosting } from '../../src/domain/posting-input.js';

const nowMs = Date.parse('2026-02-03T12:00:00Z');
const good = {
  transaction_id: 't-1',
  posted_at: '2026-02-03T09:14:07+01:00',
  amount: '-12.50',
  description: 'Card payment',
  transaction_type: 'debit',
};

const account = { currency: 'EUR', accountType: 'bank', signCheck: 'reject', timeZone: null, nowMs } as const;
const parse = (change: Record<string, unknown>, currency = 'EUR') =>
  parsePosting({ ...account, value: { ...good, ...change }, currency });

function accepted(change: Record<string, unknown>, currency?: string): ReceivedPosting {
  const result = parse(change, currency);
  if ('problem' in result) throw new Error(`refused: ${JSON.stringify(result.problem)}`);
  return result.posting;
}

function refusedAt(change: Record<string, unknown>, currency?: string): string {
  const result = parse(change, currency);
  return 'problem' in result ? result.problem.errors.map(({ pointer }) => pointer).join(' ') : 'accepted';
}

describe('a posting of core banking', () => {
  it('is returned in canonical form: UTC with milliseconds, exact amount, explicit defaults', () => {
    expect(accepted({})).toEqual({
      transactionId: 't-1',
      postedAt: '2026-02-03T08:14:07.000Z',
      bookingDay: '2026-02-03',
      bookingDayGiven: false,
      sendAt: '2026-02-03T08:14:07.000Z',
      amount: '-12.5',
      description: 'Card payment',
      payee: null,
      transactionType: 'debit',
      status: 'posted',
      corrects: null,
    });
  });

  it('has the same content in every permitted format', () => {
    const one = accepted({ amount: 1.5, posted_at: '2026-02-03T10:00:00Z', payee: null });
    const other = accepted({ amount: '1.50', posted_at: '2026-02-03T11:00:00.0001+01:00', status: 'posted' });
    expect(canonicalContent(one)).toBe(canonicalContent(other));
    expect(canonicalContent(one)).not.toBe(canonicalContent({ ...one, status: 'pending' }));
  });

  it.each([
    [
      'amount',
      [
        undefined,
        null,
        true,
        '',
        '12,50',
        '1e-3',
        '1e18',
        'NaN',
        'Infinity',
        Number.NaN,
        1e21,
        '+1',
        ' 1',
        '1.',
        '.5',
        '0x1',
        '1.505',
      ],
    ],
    ['amount', [0.1 + 0.2, '12345678901234.56', 1234567890123456, '99999999999999999999', {}, ['1']]],
    [
      'posted_at',
      [
        undefined,
        5,
        '2026-02-30',
        '2026-02-05',
        '2026-02-03T09:14:07',
        '2026-02-30T00:00:00Z',
        '2025-02-29T00:00:00Z',
      ],
    ],
    [
      'posted_at',
      [
        '0000-01-01T00:00:00Z',
        '0099-01-01T00:00:00Z',
        '1899-12-31T00:00:00Z',
        '1900-01-01T00:00:00+14:00',
        '9999-01-01T00:00:00Z',
        '2026-02-03T24:00:00Z',
      ],
    ],
    [
      'posted_at',
      [
        '2026-02-03T09:14:60Z',
        '2026-13-01T00:00:00Z',
        '2026-02-03T09:14:07+15:00',
        '2026-02-03T09:14:07+14:01',
        '2026-02-03T09:14:07-12:01',
        '2026-02-03T09:14:07-13:00',
        '2026-02-04T12:00:00.001Z',
      ],
    ],
    [
      'posted_at',
      [
        '2026-02-03 09:14:07Z',
        '2026-02-03T09:14Z',
        '2026-02-03t09:14:07z',
        '2026-2-3T09:14:07Z',
        new Date(0),
      ],
    ],
    [
      'description',
      [
        undefined,
        null,
        '',
        '   ',
        7,
        'x'.repeat(1_001),
        '\u{1F600}'.repeat(501),
        '\u200b\u2060',
        '\u202e',
        'a\u0000b',
        'a\u001bb',
        '\ud800',
      ],
    ],
    ['payee', ['', ' ', 7, 'x'.repeat(1_001), '\udc00']],
    ['transaction_type', [undefined, null, '', 'Debit', 'dividend', 'toString', {}]],
    ['status', ['', 'Posted', 'done', 7, {}]],
    ['corrects', ['', ' x', 't-1', 'x'.repeat(256), 7]],
    [
      'transaction_id',
      [undefined, null, '', 5, ' t', 't ', 'a\tb', 'a\u0000', '\ud800', 'x'.repeat(256), 'x'.repeat(10_240)],
    ],
  ] as const)('names %s when its value is none: %j', (field, values) => {
    for (const value of values) expect([value, refusedAt({ [field]: value })]).toEqual([value, `/${field}`]);
  });

  it('keeps unusual but valid texts unchanged', () => {
    for (const text of [
      '=cmd()',
      '<b>&amp;</b>',
      '\u{1F468}\u200d\u{1F469}',
      '\u202eabc',
      'e\u0301'.repeat(500),
      'a\tb\nc',
    ]) {
      expect(accepted({ description: text }).description).toBe(text);
    }
    expect(accepted({ description: '\u{1F600}'.repeat(500) }).description).toHaveLength(1_000);
    expect(accepted({ transaction_id: "'; DROP TABLE postings; --" }).transactionId).toContain('DROP');
  });

  it.each([
    ['EUR', '0', '0'],
    ['EUR', '-0', '0'],
    ['EUR', '-0.00', '0'],
    ['EUR', -0, '0'],
    ['JPY', '1.00', '1'],
    ['KWD', '1.505', '1.505'],
    ['EUR', 1e2, '100'],
    ['EUR', '1E+3', '1000'],
    ['EUR', '1.0000000', '1'],
    ['EUR', 1_000_000_000_000_000, '1000000000000000'],
    ['EUR', 0.07, '0.07'],
  ])('reads an amount of %s exactly: %j is %s', (currency, amount, text) => {
    expect(accepted({ amount }, currency).amount).toBe(text);
  });

  it('rejects more decimals than the currency has, and names their number', () => {
    expect(parse({ amount: '1.5' }, 'JPY')).toMatchObject({
      problem: { errors: [{ pointer: '/amount', reason: 'amount has more than the 0 decimals of JPY' }] },
    });
  });

  it('accepts up to a day in the future and truncates, never rounds, digits finer than milliseconds', () => {
    expect(accepted({ posted_at: '2026-02-04T12:00:00Z' }).postedAt).toBe('2026-02-04T12:00:00.000Z');
    expect(accepted({ posted_at: '2026-02-03T09:59:59.999999999Z' }).postedAt).toBe(
      '2026-02-03T09:59:59.999Z',
    );
    expect(accepted({ posted_at: '2024-02-29T23:30:00-12:00' }).postedAt).toBe('2024-03-01T11:30:00.000Z');
  });

  it('rejects a misspelt field and __proto__', () => {
    expect(refusedAt({ desciption: 'x' })).toBe('/desciption');
    const value: unknown = JSON.parse(`{"__proto__": {"status": "void"}, ${JSON.stringify(good).slice(1)}`);
    expect(parsePosting({ ...account, value })).toMatchObject({
      problem: { transactionId: 't-1', errors: [{ pointer: '/__proto__' }] },
    });
    expect(({} as Record<string, unknown>)['status']).toBeUndefined();
  });

  it('has every wrong field named, not only the first', () => {
    const result = parse({
      transaction_id: ' x',
      posted_at: 'yesterday',
      amount: '12,50',
      description: '',
      payee: 7,
      transaction_type: 'Debit',
      status: 'done',
      corrects: '',
      memo: 'a',
      note: 'b',
    });
    if (!('problem' in result)) throw new Error('accepted');
    const { transactionId, errors } = result.problem;
    expect(transactionId).toBeNull();
    expect(errors.map(({ pointer }) => pointer)).toEqual([
      ...['/transaction_id', '/memo', '/note', '/posted_at', '/amount', '/description', '/transaction_type'],
      ...['/payee', '/status', '/corrects'],
    ]);
    for (const { pointer, reason } of errors) expect(reason).toContain(pointer.slice(1));
  });

  it.each([20, 21, 5_000])('with %i unknown fields has at most 20 of them named', (count) => {
    const unknown = Object.fromEntries(Array.from({ length: count }, (_, index) => [`f${index}`, 1]));
    const result = parse(unknown);
    const errors = 'problem' in result ? result.problem.errors : [];
    expect(errors).toHaveLength(Math.min(count, 21));
    if (count > 20) expect(errors.at(-1)?.reason).toContain(`${count - 20} more fields`);
  });

  it('must be an object', () => {
    for (const value of [null, [], 'x', 5, undefined, true]) {
      expect(parsePosting({ ...account, value })).toMatchObject({ problem: { errors: [{ pointer: '' }] } });
    }
  });

  it('never makes the parser throw, and is accepted again unchanged once accepted', () => {
    fc.assert(
      fc.property(
        fc.record({ a: fc.anything(), t: fc.string({ unit: 'binary' }), n: fc.double() }),
        ({ a, t, n }) => {
          for (const field of Object.keys(good)) {
            for (const value of [a, t, n]) {
              const result = parse({ [field]: value });
              if ('problem' in result) continue;
              const again = accepted({
                transaction_id: result.posting.transactionId,
                posted_at: result.posting.postedAt,
                amount: result.posting.amount,
                description: result.posting.description,
              });
              expect(canonicalContent(again)).toBe(canonicalContent(result.posting));
            }
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});
