import fc from 'fast-check';
import type { FaultSpec } from '../../../sandbox/sage-banking/faults.js';
import { resetPoints, type FaultMatch } from '../../../sandbox/stand-in/faults.js';

/*
 * Faults of every call to Sage's Banking Service, as fast-check arbitraries of the sandbox's fault specs. No answer is
 * false: it may be lost, malformed, late or a refusal, but a well-formed answer is true.
 */

/** The calls by path, as the sandbox matches it. */
const calls = {
  organisation: { method: 'POST', path: '/organisations$' },
  accessToken: { path: 'accessToken$' },
  requestToken: { path: 'requestToken$' },
  captcha: { path: '/captcha$' },
  bank: { path: '/banks' },
  linkStart: { path: 'indirectlinkaccount$' },
  linkPoll: { path: 'linkpolls' },
  reauthorisation: { path: 'indirectauth$' },
  accountPost: { method: 'POST', path: '/bankaccounts$' },
  accountList: { method: 'GET', path: '/bankaccounts$' },
  accountDelete: { method: 'DELETE', path: '/bankaccounts/[^/]+$' },
  transactions: { method: 'GET', path: '/transactions$' },
  rulePost: { method: 'POST', path: '/rules$' },
  rules: { path: '/rules' },
  reprocessPost: { method: 'POST', path: '/reprocesstransactions$' },
  reprocessPoll: { method: 'GET', path: '/reprocesstransactions$' },
  anything: {},
} as const satisfies Record<string, FaultMatch>;

/** Calls whose lost answer cannot simply be requested again are drawn more often. */
const drawnCalls: readonly (keyof typeof calls)[] = [
  ...(Object.keys(calls) as (keyof typeof calls)[]),
  ...([
    'organisation',
    'organisation',
    'organisation',
    'linkPoll',
    'accountPost',
    'accountPost',
    'rulePost',
  ] as const),
  ...(['transactions', 'accountDelete', 'reprocessPost'] as const),
];

const timesMax = 3;
const retryAfters = ['1', '30', '0', '-1', '1000000000', 'soon', 'Wed, 21 Oct 2037 07:28:00 GMT'];

type Bare = Omit<FaultSpec, 'match' | 'times'>;

function drawAnywhere(): fc.Arbitrary<Bare> {
  const kinds: [number, fc.Arbitrary<Bare>][] = [
    [3, fc.constant({ kind: 'server_error_before_effect' })],
    [
      4,
      fc
        .constantFrom(500, 502, 503, 504)
        .map((http_status) => ({ kind: 'server_error_after_effect', http_status })),
    ],
    [3, fc.constant({ kind: 'reset_before_effect' })],
    [5, fc.constantFrom(...resetPoints).map((point) => ({ kind: 'reset_after_effect', point }))],
    [
      2,
      fc.option(fc.constantFrom(...retryAfters), { nil: undefined }).map((retry_after) => ({
        kind: 'rate_limited',
        ...(retry_after === undefined ? {} : { retry_after }),
      })),
    ],
    [2, fc.constant({ kind: 'unauthorised' })],
    [1, fc.constant({ kind: 'status', http_status: 403 })],
    [1, fc.constant({ kind: 'redirect', location: 'http://127.0.0.1:9/elsewhere' })],
    [
      4,
      fc
        .constantFrom('truncated_json', 'html', 'empty', 'wrong_content_type')
        .map((shape): Bare => ({ kind: 'malformed_body', shape })),
    ],
    // Each takes the client's whole time limit, in real time.
    [1, fc.constantFrom<Bare>({ kind: 'hang_before_effect' }, { kind: 'hang_after_effect' })],
  ];
  return fc.oneof(...kinds.map(([weight, arbitrary]) => ({ weight, arbitrary })));
}

/** Faults of a reprocess run. */
function drawReprocessFault(): fc.Arbitrary<Bare> {
  return fc.constantFrom<Bare>(
    { kind: 'reprocess_fails' },
    { kind: 'reprocess_never_ends' },
    { kind: 'slow_reprocess', run_ms: 120_000 },
  );
}

/** One fault, with the calls that it affects. */
export function drawFault(): fc.Arbitrary<FaultSpec> {
  const times = fc.integer({ min: 1, max: timesMax });
  const nth = fc.constantFrom(1, 1, 1, 2, 3);
  const anywhere = fc
    .tuple(drawAnywhere(), fc.constantFrom(...drawnCalls), nth, times)
    .map(([bare, call, from, count]) => ({ ...bare, match: { ...calls[call], nth: from }, times: count }));
  const run = fc
    .tuple(drawReprocessFault(), times)
    .map(([bare, count]) => ({ ...bare, match: calls.reprocessPost, times: count }));
  return fc.oneof({ weight: 14, arbitrary: anywhere }, { weight: 1, arbitrary: run });
}
