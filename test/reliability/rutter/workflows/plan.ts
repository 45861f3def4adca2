import fc from 'fast-check';
import type { FaultSpec } from '../../../../sandbox/rutter/faults.js';
import { dayMs } from '../../../../src/domain/limits.js';
import type { OperatorAction } from '../../../../src/domain/feed.js';
import {
  drawCall,
  drawBulkCall,
  drawnCurrencies,
  drawStartDate,
  type DrawnCurrency,
  type SentCall,
} from '../draw-postings.js';
import { drawnTimeZones, type DrawnTimeZone } from '../calendar.js';
import { drawFault, drawFold, drawPoison } from '../faults.js';
import type { InjectedFailure } from '../../attempt-failures.js';

/*
 * The plan of one run, drawn from a seed: the feeds, the postings, what customers and operators do and when, and which
 * calls fail. It is plain data, so that a failing plan can be read.
 */

export interface WorkflowPlan {
  readonly connectionCount: number;
  readonly feeds: readonly PlannedFeed[];
  /** How long Rutter's jobs run, by the clock of the sandbox. */
  readonly jobRunMs: number;
  /** How long a POST takes in real time, so that steps can happen during a delivery run. */
  readonly postLatencyMs: number;
  readonly steps: readonly PlannedStep[];
  readonly failures: readonly PlannedFailure[];
  /** What finds postings whose signal was lost: the repair job or the feed's own daily check. */
  readonly lostSignalsFoundBy: 'repair' | 'daily_check';
}

export interface PlannedFeed {
  readonly connection: number;
  readonly currency: DrawnCurrency;
  readonly timeZone: DrawnTimeZone;
  /** The start date; null: the account is not selected in Sage at the beginning. */
  readonly startDate: string | null;
  /** The workflow continues as new after this many passes of its loop. */
  readonly passesMax: number;
  /** Whether the customer shares a closed feed again at the end. */
  readonly sharedAgainAtLast: boolean;
  /** Calls of core banking before the feed starts. */
  readonly before: readonly SentCall[];
}

/** A failure of the n-th attempt (counted from 1) of an activity for a feed, or of a check of a connection. */
export interface PlannedFailure {
  readonly activity: 'delivery_run' | 'connection_check' | 'request';
  readonly index: number;
  readonly attempt: number;
  readonly failure: InjectedFailure;
}

export type SignalDelivery = 'sent' | 'lost' | 'twice';

export type Step =
  | { kind: 'ingest'; feed: number; calls: readonly SentCall[]; signal: SignalDelivery }
  | { kind: 'request'; feed: number; actions: readonly OperatorAction[] }
  | { kind: 'share_again'; feed: number }
  | { kind: 'disconnect'; feed: number; webhook: boolean }
  | { kind: 'select'; feed: number; startDate: string; webhook: boolean }
  | { kind: 'refuse'; connection: number; status: 'needs_reauth' | 'disabled'; webhook: boolean }
  | { kind: 'token'; connection: number; revoked: boolean }
  | { kind: 'organisation'; revoked: boolean }
  | { kind: 'outage'; feed: number; minutes: number }
  | { kind: 'recover'; connection: number; webhook: boolean }
  | { kind: 'forged_webhook'; connection: number; copies: number }
  | { kind: 'fault'; feed: number; spec: FaultSpec };

export interface PlannedStep {
  readonly step: Step;
  /** Whether the step waits a moment for a delivery run to be in progress. */
  readonly duringDeliveryRun: boolean;
  /** Pause after the step. */
  readonly thenWaitMs: number;
}

const feedsMax = 3;
const stepsMax = 12;
const callsAtOnceMax = 4;
const failuresMax = 8;
/** A longer pause only costs real time: a refused connection is polled every 15 minutes. */
const pauseMaxMs = dayMs / 8;
/** A delivery run with one batch makes some thirty calls. */
const callsMax = 30;

const signal = fc.constantFrom<SignalDelivery>('sent', 'sent', 'sent', 'lost', 'twice');
const webhook = fc.boolean();
/** Attempts of one delivery run continue for ten minutes; then its workflow starts the next. */
const minutes = fc.integer({ min: 1, max: 20 });

const duringDeliveryRun = fc.constantFrom(false, false, true);
const thenWaitMs = fc.oneof(
  { weight: 4, arbitrary: fc.constant(0) },
  { weight: 4, arbitrary: fc.integer({ min: 1, max: 3_000 }) },
  { weight: 3, arbitrary: fc.integer({ min: 3_000, max: 120_000 }) },
  { weight: 1, arbitrary: fc.integer({ min: 120_000, max: pauseMaxMs }) },
);

function ingestOf(currencies: readonly DrawnCurrency[]): fc.Arbitrary<Step> {
  return fc.nat({ max: currencies.length - 1 }).chain((feed) =>
    fc.record({
      kind: fc.constant('ingest' as const),
      feed: fc.constant(feed),
      signal,
      calls: fc.oneof(
        {
          weight: 30,
          arbitrary: fc.array(drawCall(currencies[feed] ?? 'GBP'), {
            minLength: 1,
            maxLength: callsAtOnceMax,
          }),
        },
        { weight: 1, arbitrary: drawBulkCall().map((bulkCall) => [bulkCall]) },
      ),
    }),
  );
}

function stepOf(currencies: readonly DrawnCurrency[], connection: fc.Arbitrary<number>): fc.Arbitrary<Step> {
  const feed = fc.nat({ max: currencies.length - 1 });
  const action = fc.constantFrom<OperatorAction>(
    ...(['pause', 'pause', 'resume', 'resume', 'resume', 'sync', 'sync', 'close'] as const),
  );
  const actions = fc.array(action, { minLength: 1, maxLength: 3 });
  const kinds: [number, fc.Arbitrary<Step>][] = [
    [14, ingestOf(currencies)],
    [5, fc.record({ kind: fc.constant('request' as const), feed, actions })],
    [2, fc.record({ kind: fc.constant('share_again' as const), feed })],
    [2, fc.record({ kind: fc.constant('disconnect' as const), feed, webhook })],
    [4, fc.record({ kind: fc.constant('select' as const), feed, startDate: drawStartDate(), webhook })],
    [
      2,
      fc.record({
        kind: fc.constant('refuse' as const),
        connection,
        webhook,
        status: fc.constantFrom('needs_reauth' as const, 'disabled' as const),
      }),
    ],
    [1, fc.record({ kind: fc.constant('token' as const), connection, revoked: fc.boolean() })],
    [1, fc.record({ kind: fc.constant('organisation' as const), revoked: fc.boolean() })],
    [2, fc.record({ kind: fc.constant('outage' as const), feed, minutes })],
    [3, fc.record({ kind: fc.constant('recover' as const), connection, webhook })],
    [
      1,
      fc.record({
        kind: fc.constant('forged_webhook' as const),
        connection,
        copies: fc.integer({ min: 1, max: 20 }),
      }),
    ],
    [9, fc.record({ kind: fc.constant('fault' as const), feed, spec: drawFault() })],
    [1, fc.record({ kind: fc.constant('fault' as const), feed, spec: drawPoison() })],
    [1, fc.record({ kind: fc.constant('fault' as const), feed, spec: drawFold() })],
  ];
  return fc.oneof(...kinds.map(([weight, arbitrary]) => ({ weight, arbitrary })));
}

const failure: fc.Arbitrary<InjectedFailure> = fc.record({
  call: fc.integer({ min: 1, max: callsMax }),
  kind: fc.constantFrom('process_crashes', 'process_crashes', 'call_fails', 'asked_to_stop'),
  afterEffect: fc.boolean(),
});

/** Draws the plan of one run. */
export const workflowPlan: fc.Arbitrary<WorkflowPlan> = fc
  .record({
    connectionCount: fc.integer({ min: 1, max: 2 }),
    currencies: fc.array(fc.constantFrom(...drawnCurrencies), {
      minLength: 1,
      maxLength: feedsMax,
      size: 'max',
    }),
  })
  .chain(({ connectionCount, currencies }) => {
    const connection = fc.nat({ max: connectionCount - 1 });
    return fc.record({
      connectionCount: fc.constant(connectionCount),
      feeds: fc.tuple(...currencies.map((currency) => plannedFeed(currency, connection))),
      postLatencyMs: fc.constantFrom(0, 40, 150),
      jobRunMs: fc.constantFrom(0, 0, 0, 5_000, 60_000),
      steps: fc.array(fc.record({ step: stepOf(currencies, connection), duringDeliveryRun, thenWaitMs }), {
        minLength: 3,
        maxLength: stepsMax,
        size: 'max',
      }),
      lostSignalsFoundBy: fc.constantFrom('repair', 'daily_check'),
      failures: fc.array(plannedFailure(currencies.length - 1), {
        maxLength: failuresMax,
        size: 'max',
      }),
    });
  });

function plannedFeed(currency: DrawnCurrency, connection: fc.Arbitrary<number>): fc.Arbitrary<PlannedFeed> {
  return fc.record({
    connection,
    currency: fc.constant(currency),
    timeZone: fc.option(fc.constantFrom(...drawnTimeZones), { freq: 2 }),
    startDate: fc.option(drawStartDate(), { freq: 4 }),
    passesMax: fc.integer({ min: 1, max: 6 }),
    sharedAgainAtLast: fc.boolean(),
    before: fc.array(drawCall(currency), { maxLength: callsAtOnceMax, size: 'max' }),
  });
}

function plannedFailure(indexMax: number): fc.Arbitrary<PlannedFailure> {
  return fc.record({
    activity: fc.constantFrom('delivery_run', 'delivery_run', 'delivery_run', 'connection_check', 'request'),
    index: fc.nat({ max: indexMax }),
    attempt: fc.integer({ min: 1, max: 5 }),
    failure,
  });
}
