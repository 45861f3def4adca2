import fc from 'fast-check';
import { expect, test } from 'vitest';
import { InexactAmount, serializeBatch, toRutterPosting } from '../../../src/clients/rutter/transform.js';
import type { PostingContent } from '../../../src/clients/rutter/transform.js';
import { sha256Hex } from '../../../src/crypto/hash.js';

const posting: PostingContent = {
  transactionId: 'tx-000184',
  postedAt: '2026-02-02T07:31:10.000Z',
  sendAt: '2026-02-02T08:31:10.000Z',
  amount: '-84.15',
  description: 'CARD 4471 FUEL STOP',
  transactionType: 'debit',
  payee: 'Fuel Stop',
};
const rutterAccountId = 'c2a4b0de-6b1f-4d0c-9e55-2f7d0b6a9a01';

test('a batch has exactly the bytes of the contract, with the fields that Sage supports and no other', () => {
  const deposit: PostingContent = {
    transactionId: 'tx-000185',
    postedAt: '2026-02-01T23:02:44Z',
    sendAt: '2026-02-02T13:02:44+02:00',
    amount: '1250.00',
    description: 'INV 3307 PART PAYMENT',
    transactionType: 'deposit',
    payee: null,
  };
  const batch = serializeBatch({ rutterAccountId, postings: [posting, deposit] });
  expect(batch.body).toBe(
    '{"response_mode":"prefer_sync","bank_feed_transactions":{"bank_feed_account_id":"c2a4b0de-6b1f-4d0c-9e55-2f7d0b6a9a01","transactions":[' +
      '{"transaction_id":"tx-000184","posted_at":"2026-02-02T08:31:10.000Z","amount":-84.15,"description":"CARD 4471 FUEL STOP","transaction_type":"debit","debit_credit_memo":"DEBIT","payee":"Fuel Stop"},' +
      '{"transaction_id":"tx-000185","posted_at":"2026-02-02T11:02:44.000Z","amount":1250,"description":"INV 3307 PART PAYMENT","transaction_type":"deposit","debit_credit_memo":"CREDIT"}]}}',
  );
  expect(batch.sha256).toBe(sha256Hex(Buffer.from(batch.body)));
});

test('the same postings always give the same bytes, whatever the order of their fields', () => {
  const turned = Object.fromEntries(Object.entries(posting).reverse()) as unknown as PostingContent;
  expect(serializeBatch({ rutterAccountId, postings: [turned] })).toEqual(
    serializeBatch({ rutterAccountId, postings: [posting] }),
  );
});

test('every decimal of up to 15 digits reaches the wire as the same decimal', () => {
  // Up to 15 digits, of which none to six behind the point: currencies have none to four.
  const decimals = fc
    .tuple(fc.boolean(), fc.integer({ min: 0, max: 999_999_999_999_999 }), fc.integer({ min: 0, max: 6 }))
    .map(([minus, digits, scale]) => {
      const text = String(digits).padStart(scale + 1, '0');
      const point = text.length - scale;
      return `${minus ? '-' : ''}${text.slice(0, point)}${scale === 0 ? '' : `.${text.slice(point)}`}`;
    });
  fc.assert(
    fc.property(decimals, (amount) => {
      const wire = JSON.stringify(toRutterPosting({ ...posting, amount }).amount);
      const trimmed = amount.includes('.') ? amount.replace(/\.?0+$/, '') : amount;
      expect(wire).toBe(trimmed === '-0' ? '0' : trimmed);
    }),
    { numRuns: 500 },
  );
});

test.each([
  '1234567890123456',
  '0.1234567890123456',
  '1e3',
  '12,50',
  '',
  'NaN',
  'Infinity',
  '--1',
  '1.',
  '.5',
  ' 1',
  '0x10',
])('the amount "%s" is rejected and never rounded', (amount) => {
  expect(() => toRutterPosting({ ...posting, amount })).toThrow(InexactAmount);
});

test.each([
  ['-0.01', 'DEBIT'],
  ['0.01', 'CREDIT'],
  ['0.00', 'CREDIT'],
  ['-0', 'CREDIT'],
])('the memo of %s is %s', (amount, memo) => {
  expect(toRutterPosting({ ...posting, amount }).debit_credit_memo).toBe(memo);
});

test('negative zero is sent as zero', () => {
  expect(JSON.stringify(toRutterPosting({ ...posting, amount: '-0.00' }))).toContain('"amount":0,');
});

test('a batch that breaks a rule of the contract is never serialized', () => {
  const later = { ...posting, transactionId: 'b', sendAt: '2026-02-02T08:31:10.001Z' };
  expect(() => serializeBatch({ rutterAccountId, postings: [] })).toThrow(RangeError);
  const many = Array.from({ length: 1_001 }, () => posting);
  expect(() => serializeBatch({ rutterAccountId, postings: many })).toThrow(RangeError);
  expect(() => serializeBatch({ rutterAccountId, postings: [later, posting] })).toThrow(/order/);
  expect(() => serializeBatch({ rutterAccountId, postings: [posting, posting, later] })).not.toThrow();
  expect(() => serializeBatch({ rutterAccountId, postings: [{ ...posting, sendAt: 'soon' }] })).toThrow(
    RangeError,
  );
});
