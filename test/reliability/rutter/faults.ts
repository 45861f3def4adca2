import fc from 'fast-check';
import { transactionsAnswerBytesMax } from '../../../src/clients/rutter/body-sizes.js';
import { bulkId, bulkPrefixes, drawCommonId } from './draw-postings.js';
import {
  poisonNamings,
  resetPoints,
  type FaultMatch,
  type FaultSpec,
} from '../../../sandbox/rutter/faults.js';

/*
 * Faults of every call to Rutter, as fast-check arbitraries of the sandbox's fault specs. False answers, which are well
 * formed and wrong, are drawn separately, since the checker must allow for their consequences.
 */

/** The calls of a delivery; paths are below `/versioned`. */
export const networkCalls = {
  postTransactions: { method: 'POST', path: '^/accounting/bank_feeds/transactions$' },
  listTransactions: { method: 'GET', path: '^/accounting/bank_feeds/transactions$' },
  getJob: { method: 'GET', path: '^/jobs/' },
  getAccount: { method: 'GET', path: '^/accounting/bank_feeds/accounts/' },
  listAccounts: { method: 'GET', path: '^/accounting/bank_feeds/accounts$' },
  anything: {},
} as const satisfies Record<string, FaultMatch>;

const timesMax = 3;
/** Just above the size that the client reads. */
const hugeBytes = transactionsAnswerBytesMax + 1;
const retryAfters = [
  '1',
  '30',
  '0',
  '-1',
  '1000000000',
  'soon',
  'Wed, 21 Oct 2037 07:28:00 GMT',
  'Wed, 21 Oct 2015 07:28:00 GMT',
];

function at(call: keyof typeof networkCalls): fc.Arbitrary<{ match: FaultMatch; times: number }> {
  return fc.record({
    match: fc.constantFrom(1, 1, 1, 2, 3).map((nth) => ({ ...networkCalls[call], nth })),
    times: fc.integer({ min: 1, max: timesMax }),
  });
}

type Bare = Omit<FaultSpec, 'match' | 'times'>;

/** Faults of any call. */
function drawAnywhere(): fc.Arbitrary<Bare> {
  const kinds: fc.Arbitrary<Bare>[] = [
    fc.constant({ kind: 'server_error_before_effect' }),
    fc
      .constantFrom(500, 502, 503, 504)
      .map((http_status) => ({ kind: 'server_error_after_effect', http_status })),
    fc.constant({ kind: 'reset_before_effect' }),
    fc.constantFrom(...resetPoints).map((point) => ({ kind: 'reset_after_effect', point })),
    fc.option(fc.constantFrom(...retryAfters), { nil: undefined }).map((retry_after) => ({
      kind: 'rate_limited',
      ...(retry_after === undefined ? {} : { retry_after }),
    })),
    fc.constant({ kind: 'platform_rate_limited', accepted: false }),
    fc.constant({ kind: 'redirect', location: 'http://127.0.0.1:9/elsewhere' }),
    fc
      .constantFrom('truncated_json', 'html', 'empty', 'wrong_content_type')
      .map((shape): Bare => ({ kind: 'malformed_body', shape: shape })),
  ];
  return fc.oneof(...kinds.map((arbitrary) => ({ weight: 4, arbitrary })), {
    weight: 1,
    arbitrary: drawSlow(),
  });
}

/** Faults that take the client's whole time limit, or megabytes. */
function drawSlow(): fc.Arbitrary<Bare> {
  return fc.constantFrom<Bare>(
    { kind: 'hang_before_effect' },
    { kind: 'hang_after_effect' },
    { kind: 'slow', delay_ms: 60_000 },
    { kind: 'malformed_body', shape: 'huge', bytes: hugeBytes },
    { kind: 'malformed_body', shape: 'gzip_bomb', bytes: hugeBytes },
  );
}

/** Faults of an accepted batch. */
function drawJobFault(): fc.Arbitrary<Bare> {
  return fc.oneof<fc.Arbitrary<Bare>[]>(
    fc.constantFrom(429, 452, 500, 503).map((http_status) => ({ kind: 'job_failure', http_status })),
    fc.constantFrom(400, 422, 450).map((http_status) => ({ kind: 'job_failure', http_status })),
    fc.constant({ kind: 'platform_rate_limited' }),
    fc.constant({ kind: 'server_error_before_effect', recorded: true }),
    fc.constant({ kind: 'server_error_after_effect', recorded: true }),
    fc.constantFrom(100, 3_000, 30_000, 120_000).map((run_ms) => ({ kind: 'slow_job', run_ms })),
    fc.constant({ kind: 'job_never_ends' }),
    fc.integer({ min: 1, max: 4 }).map((count) => ({ kind: 'omit_from_answer', count })),
    fc.constant({ kind: 'drop_job_header' }),
  );
}

/** Refusals before acceptance, with known and unknown codes. */
function drawRefusal(): fc.Arbitrary<Bare> {
  const coded = (http_status: number, error_code: string): Bare => ({
    kind: 'status',
    http_status,
    body: { error_type: 'API_REQUEST_ERROR', error_code, error_message: 'refused' },
  });
  return fc.constantFrom<Bare>(
    { kind: 'platform_bad_request', accepted: false },
    { kind: 'status', http_status: 403 },
    { kind: 'status', http_status: 401 },
    coded(400, 'PRODUCT_NOT_READY'),
    coded(400, 'BANK_FEED_BATCH_IN_PROGRESS'),
    coded(400, 'NEEDS_UPDATE'),
    coded(400, 'CONNECTION_DISABLED'),
    coded(409, 'IDEMPOTENCY_CONFLICT'),
    coded(400, 'SOMETHING_NEW'),
  );
}

/** A fault whose answers, if well formed, are true. */
export function drawFault(): fc.Arbitrary<FaultSpec> {
  const anyCall = fc.constantFrom(
    ...([
      'postTransactions',
      'postTransactions',
      'listTransactions',
      'getJob',
      'getAccount',
      'listAccounts',
      'anything',
    ] as const),
  );
  return fc.oneof(
    { weight: 4, arbitrary: anyCall.chain((call) => fc.tuple(drawAnywhere(), at(call))).map(joined) },
    { weight: 4, arbitrary: fc.tuple(drawJobFault(), at('postTransactions')).map(joined) },
    { weight: 1, arbitrary: fc.tuple(drawRefusal(), at('postTransactions')).map(joined) },
  );
}

/** A false answer: altered content, a booked transaction left out, an existing id or job denied. */
export function drawFalseAnswer(): fc.Arbitrary<FaultSpec> {
  return fc.oneof(
    fc
      .tuple(
        fc.constantFrom<Bare>(
          { kind: 'rewrite_body', find: '"amount":', replace: '"amount":1' },
          { kind: 'rewrite_body', find: 'Card payment', replace: 'Somebody else' },
          { kind: 'rewrite_body', find: '"duplicate":false', replace: '"duplicate":true' },
          { kind: 'rewrite_body', find: '"transaction_id":"', replace: '"transaction_id":"not-' },
          { kind: 'omit_from_answer', count: 2, booked: true },
          { kind: 'omit_from_answer', count: 2_000, booked: true },
        ),
        at('postTransactions'),
      )
      .map(joined),
    fc
      .tuple(
        fc.constant<Bare>({
          kind: 'rewrite_body',
          find: '"transaction_id":"',
          replace: '"transaction_id":"not-',
        }),
        at('listTransactions'),
      )
      .map(joined),
    fc
      .tuple(
        fc.constant<Bare>({ kind: 'status', http_status: 410 }),
        fc.constantFrom('getJob', 'getAccount').chain((call) => at(call as 'getJob')),
      )
      .map(joined),
  );
}

function joined([bare, where]: [Bare, { match: FaultMatch; times: number }]): FaultSpec {
  return { ...bare, ...where };
}

const clusterMax = 60;

/**
 * Postings that Sage refuses until the fault is removed: a few anywhere, or neighbors among many. Its refusals may name
 * one of them, in several ways, or one that is not at fault.
 */
export function drawPoison(): fc.Arbitrary<FaultSpec> {
  const few = fc.uniqueArray(drawCommonId(), { minLength: 1, maxLength: 12 });
  const neighbors = fc
    .record({
      prefix: fc.constantFrom(...bulkPrefixes),
      first: fc.integer({ min: 0, max: 2_400 }),
      count: fc.constantFrom(1, 2, 3, 10, clusterMax),
    })
    .map(({ prefix, first, count }) =>
      Array.from({ length: count }, (_, index) => bulkId(prefix, first + index)),
    );
  return fc
    .record({
      transaction_ids: fc.oneof(few, neighbors),
      named: fc.boolean(),
      naming: fc.constantFrom(...poisonNamings),
    })
    .map((drawn) => ({ kind: 'poison' as const, times: 0, ...drawn }));
}

/** Forms of a text that are the same text to us. */
const alikeForms = ['trim', 'blanks', 'line_ends', 'nfc'] as const;

/** Rutter stores texts in another form from now on; its answers are true. */
export function drawFold(): fc.Arbitrary<FaultSpec> {
  return fc
    .oneof(
      { weight: 2, arbitrary: fc.uniqueArray(fc.constantFrom(...alikeForms), { minLength: 1 }) },
      { weight: 1, arbitrary: fc.constantFrom('upper_case', 'first_32', 'nfkc').map((form) => [form]) },
    )
    .map((texts): FaultSpec => ({ kind: 'fold', times: 0, texts: texts }));
}

/** What the faults of a plan make of texts. */
export function foldedTexts(specs: readonly FaultSpec[]): 'none' | 'alike' | 'other' {
  const forms = specs.flatMap((spec) => (spec.kind === 'fold' ? (spec.texts ?? []) : []));
  if (forms.length === 0) return 'none';
  return forms.every((form) => (alikeForms as readonly string[]).includes(form)) ? 'alike' : 'other';
}
