import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { meaningOfJobFailure, meaningOfRefusal } from '../../../src/activities/rutter/delivery/refusals.js';
import {
  isQuarantined,
  namedTransaction,
  nextPart,
  planAfterAccepted,
  planAfterFirstRefusal,
  planAfterRefusal,
  planAfterRefusedAlone,
  type BisectionPlan,
  type PlanStep,
} from '../../../src/domain/rutter/bisection-plan.js';
import { deliveryLimits } from '../../../src/domain/rutter/delivery-limits.js';

const { bisectionPlacesMax, bisectionQuarantinedMax, bisectionRequestsMax } = deliveryLimits;

/** What the message of a refusal says about a part, of which `bad` postings are refused. */
type Naming = (part: readonly string[], bad: readonly string[]) => string | null;

interface Outcome {
  readonly end: 'done' | Extract<PlanStep, { kind: 'stop' }>['why'];
  readonly requests: number;
  /** Sizes of the parts, in the order in which they were sent. */
  readonly sizes: readonly number[];
  readonly delivered: readonly string[];
  readonly quarantined: readonly string[];
  /** Undecided at the end: ready again. */
  readonly ready: readonly string[];
}

const idOf = (number: number): string => `tx-${String(number)}`;
const idsOf = (numbers: readonly number[]): string[] => numbers.map(idOf);
const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, index) => from + index);

/** Sends a batch of `size` postings, numbered from 1, to a provider that refuses every part with a bad one in it. */
class Bisection {
  private members: string[];
  private readonly bad: ReadonlySet<string>;
  private plan: BisectionPlan | null = null;
  private suspected: string[] = [];
  private readonly sizes: number[] = [];
  private readonly delivered: string[] = [];
  private readonly quarantined: string[] = [];

  constructor(
    size: number,
    badNumbers: Iterable<number>,
    private readonly naming: Naming,
  ) {
    this.members = idsOf(range(1, size));
    this.bad = new Set(idsOf([...badNumbers]));
  }

  run(): Outcome {
    for (;;) {
      const step = this.sendPart();
      // More parts than this are an endless loop.
      if (this.sizes.length > 3 * bisectionRequestsMax) throw new Error('the plan does not end');
      if (step.kind === 'continue') this.plan = step.plan;
      else return this.outcome(step.kind === 'stop' ? step.why : 'done');
    }
  }

  private sendPart(): PlanStep {
    const { plan, members } = this;
    const { offset, size } = plan === null ? { offset: 0, size: members.length } : nextPart(plan, members);
    const part = members.slice(offset, offset + size);
    expect(part).toHaveLength(size);
    this.sizes.push(size);
    const bad = part.filter((id) => this.bad.has(id));
    if (bad.length === 0) return this.accepted(part);
    const hint = namedTransaction(this.naming(part, bad), part);
    if (plan === null) {
      return {
        kind: 'continue',
        plan: planAfterFirstRefusal({ size, hint, sequenceMax: null, tooLarge: false }),
      };
    }
    return size > 1 ? planAfterRefusal(plan, { size, hint, tooLarge: false }) : this.refusedAlone(plan, bad);
  }

  private accepted(part: readonly string[]): PlanStep {
    this.members = this.members.filter((id) => !part.includes(id));
    this.delivered.push(...part);
    this.quarantined.push(...this.suspected.splice(0));
    return this.plan === null ? { kind: 'done' } : planAfterAccepted(this.plan, { transactionIds: part });
  }

  private refusedAlone(plan: BisectionPlan, [transactionId = '']: readonly string[]): PlanStep {
    const step = planAfterRefusedAlone(plan, { transactionId });
    const quarantined = isQuarantined(plan, step);
    if (quarantined || step.kind !== 'stop') {
      this.members = this.members.filter((id) => id !== transactionId);
      (quarantined ? this.quarantined : this.suspected).push(transactionId);
    }
    return step;
  }

  private outcome(end: Outcome['end']): Outcome {
    const { sizes, delivered, quarantined } = this;
    return {
      end,
      requests: sizes.length,
      sizes,
      delivered,
      quarantined,
      ready: [...this.suspected, ...this.members],
    };
  }
}

function bisect(size: number, bad: Iterable<number>, naming: Naming): Outcome {
  return new Bisection(size, bad, naming).run();
}

const namings: Record<string, Naming> = {
  'names none': () => null,
  'names the first bad one': (_part, bad) => `transaction ${bad[0] ?? ''} is not valid`,
  'names the last bad one': (_part, bad) => `transaction ${bad.at(-1) ?? ''} is not valid`,
  'names the position of the first bad one': (part, bad) =>
    `transactions[${String(part.indexOf(bad[0] ?? ''))}].payee is not valid`,
  'names the last one always': (part) => `transaction ${part.at(-1) ?? ''} is not valid`,
  'names one in the middle always': (part) => `transaction ${part[Math.floor(part.length / 2)] ?? ''} is bad`,
};
const namingNames = Object.keys(namings);
const namingOf = (name: string): Naming => namings[name] ?? (() => null);

/** Any bad positions: few or many, alone, in clusters or everywhere. */
function badPostings(sizeMax: number): fc.Arbitrary<{ size: number; bad: number[] }> {
  return fc.integer({ min: 2, max: sizeMax }).chain((size) => {
    const number = fc.integer({ min: 1, max: size });
    const cluster = fc
      .tuple(number, fc.integer({ min: 1, max: 60 }))
      .map(([from, length]) => range(from, Math.min(size, from + length - 1)));
    const bad = fc.oneof(
      fc.array(number, { minLength: 1, maxLength: 12 }),
      fc.array(cluster, { minLength: 1, maxLength: 3 }).map((clusters) => clusters.flat()),
      fc.array(number, { minLength: 1, maxLength: size }),
      fc.constant(range(1, size)),
      number.map((good) => range(1, size).filter((each) => each !== good)),
    );
    return bad.map((numbers) => ({ size, bad: [...new Set(numbers)].sort((a, b) => a - b) }));
  });
}

describe('the bisection of a refused batch', () => {
  it('quarantines no good posting, loses none, and stays within its limits, whatever is bad and named', () => {
    fc.assert(
      fc.property(badPostings(1_000), fc.constantFrom(...namingNames), ({ size, bad }, name) => {
        const outcome = bisect(size, bad, namingOf(name));
        const badIds = new Set(idsOf(bad));
        expect(outcome.requests).toBeLessThanOrEqual(bisectionRequestsMax);
        expect(outcome.quarantined.length).toBeLessThanOrEqual(bisectionQuarantinedMax);
        expect(outcome.quarantined.filter((id) => !badIds.has(id))).toEqual([]);
        expect(outcome.delivered.filter((id) => badIds.has(id))).toEqual([]);
        const all = [...outcome.delivered, ...outcome.quarantined, ...outcome.ready];
        expect(all.sort()).toEqual(idsOf(range(1, size)).sort());
        if (outcome.quarantined.length > 0) expect(outcome.delivered).not.toEqual([]);
        if (outcome.end === 'done') expect(outcome.ready).toEqual([]);
        if (outcome.end === 'nothing_accepted') expect(outcome.ready).toHaveLength(size);
      }),
      { seed: 7, numRuns: 150 },
    );
  });

  it('finds any number of bad ones, up to the limit, in a batch of up to 64 of which one is accepted', () => {
    fc.assert(
      fc.property(badPostings(64), fc.constantFrom(...namingNames), ({ size, bad }, name) => {
        const outcome = bisect(size, bad, namingOf(name));
        if (bad.length > bisectionQuarantinedMax || outcome.end === 'nothing_accepted') return;
        expect(outcome).toMatchObject({ end: 'done', ready: [] });
        expect([...outcome.quarantined].sort()).toEqual(idsOf(bad).sort());
      }),
      { seed: 8, numRuns: 400 },
    );
  });

  it('finds up to six bad ones of a thousand without help, and thirty that are named', () => {
    const six = fc.uniqueArray(fc.integer({ min: 1, max: 1_000 }), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(six, fc.constantFrom(...namingNames), (bad, name) => {
        expect(bisect(1_000, bad, namingOf(name))).toMatchObject({ end: 'done', ready: [] });
      }),
      { seed: 9, numRuns: 60 },
    );
    const thirty = fc.uniqueArray(fc.integer({ min: 1, max: 1_000 }), { minLength: 30, maxLength: 30 });
    fc.assert(
      fc.property(thirty, (bad) => {
        expect(bisect(1_000, bad, namingOf('names the first bad one')).end).toBe('done');
      }),
      { seed: 10, numRuns: 20 },
    );
  });

  it('keeps the order of delivery once a posting has been accepted in order', () => {
    fc.assert(
      fc.property(badPostings(300), fc.constantFrom(...namingNames), ({ size, bad }, name) => {
        const { delivered } = bisect(size, bad, namingOf(name));
        const numbers = delivered.map((id) => Number(id.slice(3)));
        // At most one posting overtakes others: the first one that is accepted, after all in order were refused.
        const inOrder = numbers
          .slice(1)
          .every((number, index) => index === 0 || number > (numbers[index] ?? 0));
        expect(inOrder).toBe(true);
        const [first = 0, second = first] = numbers;
        if (second < first) expect(bad).toEqual(expect.arrayContaining([1, 2, 3]));
      }),
      { seed: 11, numRuns: 120 },
    );
  });

  it.each(namingNames)(
    'finds numbers 10 to 12 of 50 with at most 20 requests when the provider %s',
    (name) => {
      const outcome = bisect(50, [10, 11, 12], namingOf(name));
      expect(outcome).toMatchObject({ end: 'done', quarantined: ['tx-10', 'tx-11', 'tx-12'], ready: [] });
      expect(outcome.delivered).toEqual(idsOf(range(1, 50).filter((number) => number < 10 || number > 12)));
      expect(outcome.requests).toBeLessThanOrEqual(20);
    },
  );

  it.each([2, 3, 7, 8, 9, 50, 1_000])(
    'of %d postings that are all refused tries single ones from 8 places',
    (size) => {
      const outcome = bisect(size, range(1, size), namingOf('names none'));
      expect(outcome).toMatchObject({ end: 'nothing_accepted', delivered: [], quarantined: [] });
      const singles = outcome.sizes.filter((each) => each === 1);
      expect(singles).toHaveLength(Math.min(size, bisectionPlacesMax));
      expect(outcome.requests).toBeLessThanOrEqual(11 + bisectionPlacesMax);
    },
  );

  it.each([
    [50, range(1, 49)],
    [1_000, range(1, 40)],
    [1_000, range(1, 3)],
  ])('of %d finds a good one behind a cluster at the head', (size, bad) => {
    const outcome = bisect(size, bad, namingOf('names none'));
    expect(outcome).toMatchObject({ end: 'done', ready: [] });
    expect(outcome.quarantined).toHaveLength(bad.length);
  });

  it('stops at the fifty-first bad posting, which stays ready with the rest, and at the hundredth request', () => {
    const fifty = bisect(200, range(11, 60), namingOf('names the first bad one'));
    expect(fifty).toMatchObject({ end: 'done', ready: [] });
    expect(fifty.quarantined).toEqual(idsOf(range(11, 60)));
    const more = bisect(200, range(11, 61), namingOf('names the first bad one'));
    expect(more.end).toBe('quarantined_exhausted');
    expect(more.quarantined).toEqual(idsOf(range(11, 60)));
    expect(more.ready).toEqual(idsOf(range(61, 200)));
    const scattered = bisect(
      1_000,
      range(1, 49).map((number) => number * 20),
      namingOf('names none'),
    );
    expect(scattered).toMatchObject({ end: 'requests_exhausted', requests: bisectionRequestsMax });
  });

  it('sends the rest at once after one bad posting, and takes neighbors one by one', () => {
    expect(bisect(1_000, [600], namingOf('names the first bad one')).sizes).toEqual([1_000, 599, 1, 400]);
    const named = bisect(1_000, [600, 601, 602], namingOf('names the first bad one'));
    expect(named.sizes).toEqual([1_000, 599, 1, 400, 1, 1, 1, 397]);
  });

  it('halves after a named posting led to another refusal, and follows no names after three misleading ones', () => {
    const first = planAfterFirstRefusal({
      size: 1_000,
      hint: idOf(1_000),
      sequenceMax: null,
      tooLarge: false,
    });
    const ids = idsOf(range(1, 1_000));
    expect(nextPart(first, ids)).toEqual({ offset: 0, size: 999 });
    const second = planAfterRefusal(first, { size: 999, hint: idOf(999), tooLarge: false });
    expect(second).toMatchObject({ kind: 'continue', plan: { hint: null, misleadingHints: 1 } });
    if (second.kind === 'continue') expect(nextPart(second.plan, ids)).toEqual({ offset: 0, size: 500 });
    const third = planAfterRefusal(
      { ...first, misleadingHints: 3, hint: null },
      { size: 500, hint: idOf(3), tooLarge: false },
    );
    expect(third).toMatchObject({ plan: { hint: null } });
  });

  it('of a request that is too large halves the size and goes on with what passes', () => {
    const plan = planAfterFirstRefusal({ size: 1_000, hint: null, sequenceMax: null, tooLarge: true });
    const ids = idsOf(range(1, 1_000));
    expect(nextPart(plan, ids)).toEqual({ offset: 0, size: 500 });
    const next = planAfterAccepted(plan, { transactionIds: ids.slice(0, 500) });
    expect(next).toMatchObject({ kind: 'continue', plan: { left: 500, bad: 0 } });
    if (next.kind === 'continue')
      expect(nextPart(next.plan, ids.slice(500))).toEqual({ offset: 0, size: 500 });
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
    ['transactions[1].payee is too long', 'tx-10'],
    ['/bank_feed_transactions/transactions/0/description: required', 'tx-1'],
    ['transactions[2] is not valid', null],
    ['transactions[1]: tx-1 is not valid', 'tx-1'],
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
