import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareAnswer } from '../../../src/activities/rutter/delivery/compare-answer.js';
import { differenceOf, foldedId, normalizedText } from '../../../src/clients/rutter/compare-transaction.js';
import { toRutterPosting, type BodyVersion } from '../../../src/clients/rutter/transform.js';
import { transactionSchema } from '../../../src/clients/rutter/schemas.js';
import type { DeliverablePosting } from '../../../src/domain/posting.js';
import type { RutterPosting } from '../../../src/clients/rutter/transform.js';

const rutterAccountId = 'c2a4b0de-6b1f-4d0c-9e55-2f7d0b6a9a01';

const sent: RutterPosting = {
  transaction_id: 'tx-000184',
  posted_at: '2026-02-02T08:31:10.123Z',
  amount: -84.15,
  description: 'CARD 4471 FUEL STOP',
  transaction_type: 'debit',
  debit_credit_memo: 'DEBIT',
  payee: 'Fuel Stop',
};
const answered = { ...sent, id: 'aa10c1f0', bank_feed_account_id: rutterAccountId, duplicate: false };

function difference(changes: object, ours: Partial<RutterPosting> = {}) {
  const answer = transactionSchema.parse({ ...answered, ...ours, ...changes });
  return differenceOf({ ...sent, ...ours }, answer, rutterAccountId);
}
const none = { conflicting: [], altered: [] };

describe('what Rutter shows of a transaction is the same', () => {
  it.each([
    {},
    { posted_at: '2026-02-02T10:31:10.123+02:00' },
    { posted_at: '2026-02-02T08:31:10Z' },
    { posted_at: '2026-02-02T08:31:10.999999Z' },
    { description: '  CARD  4471\tFUEL\r\nSTOP ' },
    { description: 'CARD 4471\u00a0FUEL STOP' },
    { payee: 'Fuel Stop  ' },
    { payee: null, transaction_type: 'null', debit_credit_memo: null, bank_feed_account_id: null },
  ])('with %j', (changes) => {
    expect(difference(changes)).toEqual(none);
  });

  it.each([
    ['PAYMENT REF 1          ', 'PAYMENT REF 1'],
    ['LINE1\r\nLINE2', 'LINE1\nLINE2'],
    ['LINE1\rLINE2', 'LINE1\n\nLINE2'],
    ['A  B   C', 'A B C'],
    ['Cafe\u0301', 'Caf\u00e9'],
    ['Ｆｕｌｌ　ｗｉｄｔｈ', 'Full width'],
    ['o\ufb03ce', 'office'],
    ['\ufeffBOM', 'BOM'],
  ])('for the text %j as %j', (description, shown) => {
    expect(difference({ description: shown }, { description })).toEqual(none);
    expect(difference({ description }, { description: shown })).toEqual(none);
  });

  it('when a payee was not sent and is empty', () => {
    const { payee: _, ...withoutPayee } = sent;
    const answer = transactionSchema.parse({ ...answered, payee: '' });
    expect(differenceOf(withoutPayee, answer, rutterAccountId)).toEqual(none);
  });

  it('of any text in another Unicode form with other blanks, however it is normalized', () => {
    const blank = fc.constantFrom(' ', '  ', '\t', '\r\n', '\n', '\u00a0', '\u3000');
    const words = fc.array(fc.string({ unit: 'grapheme', minLength: 1 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(
        words,
        blank,
        blank,
        fc.constantFrom('NFC', 'NFD', 'NFKC', 'NFKD'),
        (parts, one, two, form) => {
          const left = parts.join(one);
          expect(normalizedText(`${parts.join(two)}${two}`.normalize(form))).toBe(normalizedText(left));
        },
      ),
      { seed: 12, numRuns: 300 },
    );
  });
});

describe('what Rutter shows differs', () => {
  it.each([
    [{ transaction_id: 'tx-000185' }, 'transaction_id'],
    [{ transaction_id: null }, 'transaction_id'],
    [{ bank_feed_account_id: 'another' }, 'bank_feed_account_id'],
    [{ amount: 84.15 }, 'amount'],
    [{ amount: -84.16 }, 'amount'],
    [{ amount: null }, 'amount'],
    [{ debit_credit_memo: 'CREDIT' }, 'debit_credit_memo'],
  ])('and is another transaction with %j', (changes, field) => {
    expect(difference(changes)).toEqual({ conflicting: [field], altered: [] });
  });

  it.each(['2026-02-01T23:59:59.999Z', '2026-02-03T00:00:00Z', '2026-02-02T01:00:00+02:00', null])(
    'and is another transaction on another day: %s',
    (postedAt) => {
      expect(difference({ posted_at: postedAt }).conflicting).toEqual(['posted_at']);
    },
  );

  it.each([
    [{ description: 'CARD 4471 FUEL' }, 'description'],
    [{ description: 'CARD4471 FUEL STOP' }, 'description'],
    [{ description: null }, 'description'],
    [{ payee: 'Fuel' }, 'payee'],
    [{ transaction_type: 'payment' }, 'transaction_type'],
    [{ posted_at: '2026-02-02T00:00:00Z' }, 'posted_at'],
    [{ posted_at: '2026-02-02T08:31:11.123Z' }, 'posted_at'],
  ])('in what is no part of its identity with %j', (changes, field) => {
    expect(difference(changes)).toEqual({ conflicting: [], altered: [field] });
  });

  it('not for the memo of zero, which may be either', () => {
    expect(difference({ debit_credit_memo: 'DEBIT' }, { amount: 0, debit_credit_memo: 'CREDIT' })).toEqual(
      none,
    );
  });
});

/** A posting with the fields that a request is made of. */
function posting(transactionId: string, change: Partial<DeliverablePosting> = {}): DeliverablePosting {
  const postedAt = '2026-02-02T08:31:10.000Z';
  const fixed = { sequence: '1', postedAt, sendAt: postedAt, bookingDay: '2026-02-02' };
  return {
    ...fixed,
    transactionId,
    amount: '-1.5',
    description: `Text ${transactionId}`,
    payee: null,
    transactionType: 'debit',
    ...change,
  };
}

function shown(transactionId: string | null, changes: object = {}) {
  return transactionSchema.parse({
    id: 'x',
    transaction_id: transactionId,
    bank_feed_account_id: rutterAccountId,
    posted_at: '2026-02-02T08:31:10.000Z',
    amount: -1.5,
    description: `Text ${transactionId ?? ''}`,
    duplicate: false,
    ...changes,
  });
}

type Shown = ReturnType<typeof shown>;
function compare(postings: DeliverablePosting[], answered: Shown[], isAnswer = true) {
  return compareAnswer({ postings, version: 2, rutterAccountId, isAnswer }, answered);
}

describe('an answer about a batch', () => {
  const nothing = { duplicates: [], altered: [], conflicts: [], missing: [], foldedCount: 0 };

  it('counts other text as delivered, and as a conflict where Rutter had the transaction before', () => {
    const other = { description: 'Other' };
    expect(compare([posting('a')], [shown('a', other)])).toEqual({
      ...nothing,
      altered: [{ transactionId: 'a', detail: 'at Rutter with other description' }],
    });
    expect(compare([posting('a')], [shown('a', { ...other, duplicate: true })])).toEqual({
      ...nothing,
      conflicts: [{ transactionId: 'a', detail: 'at Rutter with other description' }],
    });
    expect(compare([posting('a')], [shown('a', { description: ' Text  a', duplicate: true })])).toEqual({
      ...nothing,
      duplicates: ['a'],
    });
  });

  it('takes what an earlier batch sent in another form for ours, as a duplicate alone', () => {
    const day = { postedAt: '2026-02-01T23:30:00.000Z', sendAt: '2026-02-02T12:00:00.000Z' };
    const first = { posted_at: day.postedAt };
    expect(compare([posting('a', day)], [shown('a', { ...first, duplicate: true })])).toEqual({
      ...nothing,
      duplicates: ['a'],
    });
    expect(compare([posting('a', day)], [shown('a', first)])).toMatchObject({
      conflicts: [{ transactionId: 'a', detail: 'at Rutter with other posted_at' }],
    });
  });

  it.each([
    ['Tx-1', 'TX-1'],
    ['tx  1', 'tx 1'],
    ['tx-\uff11', 'tx-1'],
    ['Cafe\u0301-1', 'caf\u00e9-1'],
  ])('finds the id %j folded to %j: a conflict of that posting alone', (id, folded) => {
    const result = compare(
      [posting('a'), posting(id), posting('b')],
      [shown('a'), shown(folded), shown('b')],
    );
    expect(result).toMatchObject({ ...nothing, conflicts: [{ transactionId: id }], foldedCount: 1 });
    expect(foldedId(id)).toBe(foldedId(folded));
  });

  it('finds an id that was changed in another way by the content of its transaction', () => {
    const cut = shown('tx-0001', { description: 'Text tx-000123' });
    const result = compare([posting('a'), posting('tx-000123')], [shown('a'), cut]);
    expect(result).toMatchObject({ conflicts: [{ transactionId: 'tx-000123' }], missing: [] });
  });

  it('gives each answered transaction to one posting: of two ids that fold alike one is missing', () => {
    const result = compare([posting('Tx'), posting('tX')], [shown('TX')]);
    expect(result).toMatchObject({ conflicts: [{ transactionId: 'Tx' }], missing: ['tX'], foldedCount: 1 });
  });

  it('does not take a transaction without an id, or of other content, for a missing one', () => {
    const other = shown('z', { amount: -2 });
    expect(compare([posting('a'), posting('b')], [shown('a'), other])).toEqual({
      ...nothing,
      missing: ['b'],
    });
    const unnamed = shown(null, { description: 'Text b' });
    expect(compare([posting('a'), posting('b')], [shown('a'), unnamed])).toEqual({
      ...nothing,
      missing: ['b'],
    });
  });

  it('is not what a list is that was read: a similar id in it may be that of another posting', () => {
    expect(compare([posting('a'), posting('tx')], [shown('a'), shown('TX')], false)).toEqual({
      ...nothing,
      missing: ['tx'],
    });
  });
});

describe('a transaction that Rutter had before (`duplicate: true`)', () => {
  // Noon of its booking day in the account's zone: versions 1 and 2 send different instants.
  const ours: DeliverablePosting = {
    transactionId: 'tx-1',
    sequence: '1',
    postedAt: '2026-10-31T23:00:00.000Z',
    bookingDay: '2026-11-01',
    sendAt: '2026-11-01T12:00:00.000Z',
    amount: '-12.50',
    description: 'Card purchase',
    payee: null,
    transactionType: 'debit',
  };
  const compare = (version: BodyVersion, atRutter: object) =>
    compareAnswer({ postings: [ours], version, rutterAccountId, isAnswer: true }, [
      transactionSchema.parse({
        id: 'aa10c1f0',
        bank_feed_account_id: rutterAccountId,
        duplicate: true,
        ...toRutterPosting(ours, version),
        ...atRutter,
      }),
    ]);

  it.each([1, 2] as const)(
    'is a repeat when a batch of version %d repeats it in either version',
    (version) => {
      for (const first of [1, 2] as const) {
        const { duplicates, conflicts } = compare(version, toRutterPosting(ours, first));
        expect([first, duplicates, conflicts]).toEqual([first, ['tx-1'], []]);
      }
    },
  );

  it.each([
    [{ description: 'Another text' }, 'description'],
    [{ amount: -12.51 }, 'amount'],
    [{ posted_at: '2026-11-03T12:00:00.000Z' }, 'posted_at'],
  ])('is a conflict for a batch of either version when its content is another: %j', (change, field) => {
    for (const version of [1, 2] as const) {
      const { duplicates, conflicts } = compare(version, change);
      expect([duplicates, conflicts]).toMatchObject([[], [{ transactionId: 'tx-1' }]]);
      expect(conflicts[0]?.detail).toContain(field);
    }
  });
});
