import fc from 'fast-check';
import type { FaultSpec } from '../../../sandbox/sage-banking/faults.js';
import type { InjectedFailure } from '../attempt-failures.js';
import { drawFault } from './faults.js';

/*
 * The plan of one run, drawn from a seed: the customers, what they do, what their banks post, and which calls fail. It is
 * plain data, so that a seed repeats it exactly and a failing plan can be shrunk. Customers, bank accounts and accounts at
 * Sage are given by any number, modulo how many there are.
 */

export interface SageBankingPlan {
  readonly environment: 'qa' | 'preProduction' | 'production';
  readonly customers: readonly PlannedCustomer[];
  readonly knobs: PlannedKnobs;
  /** Set before the first customer starts; each waits for its call. */
  readonly faultsFirst: readonly FaultSpec[];
  readonly steps: readonly PlannedStep[];
  readonly failures: readonly PlannedFailure[];
  /** What starts the workflow of a link whose caller crashed before it could. */
  readonly lostStartsFoundBy: 'repair' | 'caller';
}

export interface PlannedCustomer {
  readonly kind: 'cloud' | 'desktop';
  /** For `desktop`; false: no longer a customer of Sage. */
  readonly licenceIsValid: boolean;
  /** The responses to the first captchas; later ones are answered correctly. */
  readonly captchas: readonly CaptchaResponse[];
  /** Links that start right after the onboarding. */
  readonly links: readonly PlannedLink[];
}

export type CaptchaResponse = 'right' | 'wrong' | 'late' | 'new';

/** A link to one of the customer's bank accounts: the first three are at an indirect bank, the last at a direct one. */
export interface PlannedLink {
  readonly account: number;
  readonly startDate: string;
  readonly visit: 'grant' | 'refuse' | 'leave';
  /** Whether the process of the caller crashes after its commit. */
  readonly startLost: boolean;
}

/** How Sage behaves. Poll periods are long, so that an unused bank consent causes few polls. */
export interface PlannedKnobs {
  readonly linkPollPeriodMs: number;
  readonly reprocessRunMs: number;
  readonly idGapEvery: number;
  readonly accountKeyMissing: boolean;
  readonly bankIdentifierMissing: boolean;
  readonly extraFields: boolean;
}

export interface PlannedLine {
  readonly transactionAmount: number;
  readonly narrative1: string;
}

export interface PlannedRule {
  readonly name: string;
  readonly criteria: string;
  readonly rank: number | null;
}

export type Step =
  | { readonly kind: 'onboard'; readonly customer: number }
  | { readonly kind: 'captcha'; readonly customer: number; readonly response: CaptchaResponse }
  | { readonly kind: 'resolve'; readonly customer: number }
  | { readonly kind: 'link'; readonly customer: number; readonly link: PlannedLink }
  | { readonly kind: 'visit'; readonly customer: number; readonly success: boolean }
  | {
      readonly kind: 'statement';
      readonly account: number;
      readonly lines: readonly PlannedLine[];
      readonly authRequired: boolean;
    }
  | { readonly kind: 'reauthorise'; readonly account: number; readonly visit: PlannedLink['visit'] }
  | { readonly kind: 'cancel'; readonly account: number; readonly signalLost: boolean }
  | { readonly kind: 'rule'; readonly account: number; readonly rule: PlannedRule }
  | { readonly kind: 'delete_rule'; readonly account: number; readonly rule: number }
  | { readonly kind: 'restore'; readonly account: number; readonly times: number }
  /** The customer creates a rule, disconnects the account, links it again and restores its rules. */
  | {
      readonly kind: 'reconnect';
      readonly account: number;
      readonly rule: PlannedRule;
      readonly times: number;
    }
  | { readonly kind: 'reprocess'; readonly account: number; readonly firstOnly: boolean }
  | { readonly kind: 'wake'; readonly account: number }
  | { readonly kind: 'fault'; readonly spec: FaultSpec };

export interface PlannedStep {
  readonly step: Step;
  /** Pause after the step. */
  readonly thenWaitMs: number;
}

/** Activities that may fail, each at its n-th attempt of the run, counted from 1. */
export const failingActivities = [
  'sageAdvanceOnboarding',
  'sageBeginBankLink',
  'sagePollBankLink',
  'sageCreateAccount',
  'sageReadAccount',
  'sageCancelAccount',
  'providerRunCommand',
  'sageStartReprocessChunk',
  'sagePollReprocessChunk',
] as const;
export type FailingActivity = (typeof failingActivities)[number];

export interface PlannedFailure {
  readonly activity: FailingActivity;
  readonly attempt: number;
  readonly failure: InjectedFailure;
}

const customersMax = 2;
const stepsMin = 6;
const stepsMax = 16;
const linesMax = 6;
/** More transactions than one page of Sage has. */
const bulkLines = 130;
const faultsFirstMax = 8;
const failuresMax = 10;
/** A step of an activity makes some ten calls. */
const callsMax = 14;
const minuteMs = 60_000;

const any = fc.nat({ max: 11 });
const oneIn = (share: number) => fc.integer({ min: 1, max: share }).map((n) => n === share);

const line: fc.Arbitrary<PlannedLine> = fc.record({
  transactionAmount: fc.integer({ min: -99_999, max: 99_999 }).map((pence) => pence / 100),
  narrative1: fc.constantFrom('CARD COFFEE 12', 'RENT', 'SALARY ÅSA', 'DD WATER "CO"', 'CARD FUEL', 'x'),
});

const lines = fc.oneof(
  { weight: 12, arbitrary: fc.array(line, { maxLength: linesMax, size: 'max' }) },
  { weight: 1, arbitrary: fc.array(line, { minLength: bulkLines, maxLength: bulkLines, size: 'max' }) },
);

const visit = fc.constantFrom<PlannedLink['visit'][]>('grant', 'grant', 'grant', 'grant', 'refuse', 'leave');
const captcha = fc.constantFrom<CaptchaResponse[]>('right', 'right', 'right', 'wrong', 'late', 'new');

const link: fc.Arbitrary<PlannedLink> = fc.record({
  account: fc.constantFrom(0, 0, 0, 1, 2, 3),
  startDate: fc.constantFrom('2023-11-01T00:00:00Z', '2024-01-01T00:00:00Z', '2024-02-29T00:00:00Z'),
  visit,
  startLost: oneIn(10),
});

const customer: fc.Arbitrary<PlannedCustomer> = fc.record({
  kind: fc.constantFrom('cloud', 'desktop'),
  licenceIsValid: fc.constantFrom(true, true, true, true, true, true, false),
  captchas: fc.array(captcha, { maxLength: 4, size: 'max' }),
  links: fc.array(link, { minLength: 1, maxLength: 2, size: 'max' }),
});

/** Few names, so that some are taken; rules of one name may differ. */
const rule: fc.Arbitrary<PlannedRule> = fc.record({
  name: fc.constantFrom('Coffee', 'Rent', 'Salary', 'Fuel'),
  criteria: fc.constantFrom('COFFEE', 'RENT', 'SALARY', 'FUEL'),
  rank: fc.constantFrom(null, null, 1, 2),
});

function drawStep(): fc.Arbitrary<Step> {
  const kinds: [number, fc.Arbitrary<Step>][] = [
    [1, fc.record({ kind: fc.constant('onboard'), customer: any })],
    [1, fc.record({ kind: fc.constant('captcha'), customer: any, response: captcha })],
    [1, fc.record({ kind: fc.constant('resolve'), customer: any })],
    [6, fc.record({ kind: fc.constant('link'), customer: any, link })],
    [
      2,
      fc.record({ kind: fc.constant('visit'), customer: any, success: fc.constantFrom(true, true, false) }),
    ],
    [9, fc.record({ kind: fc.constant('statement'), account: any, lines, authRequired: oneIn(4) })],
    [3, fc.record({ kind: fc.constant('reauthorise'), account: any, visit })],
    [3, fc.record({ kind: fc.constant('cancel'), account: any, signalLost: oneIn(4) })],
    [6, fc.record({ kind: fc.constant('rule'), account: any, rule })],
    [1, fc.record({ kind: fc.constant('delete_rule'), account: any, rule: any })],
    [2, fc.record({ kind: fc.constant('restore'), account: any, times: fc.integer({ min: 1, max: 2 }) })],
    [
      6,
      fc.record({
        kind: fc.constant('reconnect'),
        account: any,
        rule,
        times: fc.integer({ min: 1, max: 2 }),
      }),
    ],
    [3, fc.record({ kind: fc.constant('reprocess'), account: any, firstOnly: oneIn(3) })],
    [1, fc.record({ kind: fc.constant('wake'), account: any })],
    [5, fc.record({ kind: fc.constant('fault'), spec: drawFault() })],
  ];
  return fc.oneof(...kinds.map(([weight, arbitrary]) => ({ weight, arbitrary })));
}

const thenWaitMs = fc.oneof(
  { weight: 3, arbitrary: fc.constant(0) },
  { weight: 4, arbitrary: fc.integer({ min: 500, max: 10_000 }) },
  { weight: 4, arbitrary: fc.integer({ min: 10_000, max: 5 * minuteMs }) },
  { weight: 1, arbitrary: fc.integer({ min: 10 * minuteMs, max: 40 * minuteMs }) },
);

const failure: fc.Arbitrary<InjectedFailure> = fc.record({
  call: fc.integer({ min: 1, max: callsMax }),
  kind: fc.constantFrom(
    'process_crashes',
    'process_crashes',
    'process_crashes',
    'call_fails',
    'asked_to_stop',
  ),
  afterEffect: fc.boolean(),
});

/** Draws the plan of one run. */
export const sageBankingPlan: fc.Arbitrary<SageBankingPlan> = fc.record({
  environment: fc.constantFrom('qa', 'preProduction', 'production', 'production'),
  customers: fc.array(customer, { minLength: 1, maxLength: customersMax, size: 'max' }),
  knobs: fc.record({
    linkPollPeriodMs: fc.constantFrom(20_000, 45_000, 60_000),
    reprocessRunMs: fc.constantFrom(0, 500, 40_000),
    idGapEvery: fc.constantFrom(0, 2, 10),
    accountKeyMissing: oneIn(4),
    bankIdentifierMissing: oneIn(4),
    extraFields: oneIn(4),
  }),
  lostStartsFoundBy: fc.constantFrom('repair', 'caller'),
  faultsFirst: fc.array(drawFault(), { maxLength: faultsFirstMax, size: 'max' }),
  steps: fc.array(fc.record({ step: drawStep(), thenWaitMs }), {
    minLength: stepsMin,
    maxLength: stepsMax,
    size: 'max',
  }),
  failures: fc.array(
    fc.record({
      activity: fc.constantFrom(...failingActivities, 'sageAdvanceOnboarding', 'sageCreateAccount'),
      attempt: fc.integer({ min: 1, max: 4 }),
      failure,
    }),
    { maxLength: failuresMax, size: 'max' },
  ),
});
