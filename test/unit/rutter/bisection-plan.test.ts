import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { meaningOfJobFailure, meaningOfRefusal } from '../../../src/activities/rutter/delivery/refusals.js';
import {
  namedTransaction,
  planAfterRefusal,
  nextPartSize,
  type BisectionPlan,
} from '../../../src/domain/rutter/bisection-plan.js';

const plans = fc
  .record({
    left: fc.integer({ min: 1, max: 1_000 }),
    bad: fc.integer({ min: 0, max: 1_000 }),
    hint: fc.option(fc.integer({ min: 0, max: 1_100 }).map(String)),
    accepted: fc.boolean(),
  })
  .map((plan): BisectionPlan => ({ ...plan, bad: Math.min(plan.bad, plan.left) }));
const ids = Array.from({ length: 1_000 }, (_, index) => String(index));

describe('the bisection of a refused batch', () => {
  it('always follows a refused part with a smaller part of its head, whatever the provider message names', () => {
    const refusals = fc.record({
      size: fc.integer({ min: 2, max: 1_000 }),
      hint: fc.option(fc.integer({ min: 0, max: 1_100 }).map(String)),
    });
    fc.assert(
      fc.property(fc.option(plans), refusals, (plan, refused) => {
        const next = nextPartSize(planAfterRefusal(plan, refused), ids);
        expect(next).toBeGreaterThanOrEqual(1);
        expect(next).toBeLessThan(refused.size);
      }),
      { seed: 7, numRuns: 2_000 },
    );
  });

  it('never takes more than what is left of the refused batch', () => {
    fc.assert(
      fc.property(plans, (plan) => {
        const next = nextPartSize(plan, ids.slice(0, plan.left));
        expect(next).toBeGreaterThanOrEqual(1);
        expect(next).toBeLessThanOrEqual(plan.left);
      }),
      { seed: 8, numRuns: 2_000 },
    );
  });

  it('halves after a named posting led to another refusal, so that false names do not lead to single steps', () => {
    const first = planAfterRefusal(null, { size: 1_000, hint: '999' });
    expect(nextPartSize(first, ids)).toBe(999);
    const second = planAfterRefusal(first, { size: 999, hint: '998' });
    expect(nextPartSize(second, ids)).toBe(500);
  });
});

describe('the posting that a refusal names', () => {
  it.each([
    ['transaction tx-10 is not valid', 'tx-10'],
    ['transactions "tx-1", and no other', 'tx-1'],
    ['tx-100 is unknown', null],
    ['the date of [tx-10]', 'tx-10'],
    ['nothing is named', null],
    ['', null],
    [null, null],
  ])('in "%s" is %s', (text, named) => {
    expect(namedTransaction(text, ['tx-1', 'tx-10'])).toBe(named);
  });

  it('is the longest id that is a separate word: a short id may be a word by chance', () => {
    expect(namedTransaction('transaction tx-7 is not valid', ['is', 'not', 'tx-7', 'a'])).toBe('tx-7');
  });
});

describe('the meaning of a refusal', () => {
  const provider = { errorType: null, errorMessage: null };
  it.each([
    [400, null, 'postings_refused'],
    [450, 'PLATFORM_BAD_REQUEST', 'postings_refused'],
    [400, 'INVALID_INPUT', 'postings_refused'],
    [400, 'PRODUCT_NOT_READY', 'account_not_ready'],
    [400, 'BANK_FEED_ACCOUNT_NOT_READY', 'account_not_ready'],
    [400, 'BANK_FEED_BATCH_IN_PROGRESS', 'in_progress'],
    [400, 'NEEDS_UPDATE', 'connection_refused'],
    [400, 'CONNECTION_DISABLED', 'connection_refused'],
    [450, 'INVALID_CREDENTIALS', 'connection_refused'],
    [401, null, 'connection_refused'],
    [403, 'PRODUCT_NOT_ALLOWED', 'request_refused'],
    [400, 'CONNECTION_SOMETHING_NEW', 'request_refused'],
    [404, null, 'request_refused'],
    [410, null, 'request_refused'],
    [422, null, 'request_refused'],
    [451, null, 'request_refused'],
    [409, null, 'key_conflict'],
  ])(
    '%s %s is %s: only 400 and 450 without a known code can be caused by postings',
    (status, code, meaning) => {
      expect(meaningOfRefusal({ ...provider, httpStatus: status, errorCode: code })).toBe(meaning);
    },
  );

  it('of the type CONNECTION_ERROR is never caused by postings', () => {
    const error = { errorType: 'CONNECTION_ERROR', errorCode: 'NEW', errorMessage: null, httpStatus: 400 };
    expect(meaningOfRefusal(error)).toBe('request_refused');
  });

  it.each([
    [429, null, 'rate_limited'],
    [452, null, 'rate_limited'],
    [400, 'PLATFORM_RATE_LIMITED', 'rate_limited'],
    [450, null, 'refused'],
    [401, null, 'refused'],
    [408, null, 'in_doubt'],
    [500, null, 'in_doubt'],
    [200, null, 'in_doubt'],
    [null, null, 'in_doubt'],
  ])('a job that failed with %s %s is %s', (status, code, meaning) => {
    expect(meaningOfJobFailure(status, code)).toBe(meaning);
  });
});
