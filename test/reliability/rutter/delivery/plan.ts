import fc from 'fast-check';
import type { FaultSpec } from '../../../../sandbox/rutter/faults.js';
import {
  drawCall,
  drawBulkCall,
  drawnCurrencies,
  drawClosingDay,
  drawStartDate,
  type DrawnCurrency,
  type SentCall,
} from '../draw-postings.js';
import { drawnTimeZones, type DrawnTimeZone } from '../calendar.js';
import { drawFault, drawFalseAnswer, drawFold, drawPoison } from '../faults.js';
import type { Crash } from './killable-process.js';

/*
 * The plan of one run, drawn before it begins. It is plain data, so that a seed repeats it exactly and a failing plan can
 * be shrunk. Feeds, accounts and connections are given by any number, modulo how many there are.
 */

export type Step =
  | { readonly kind: 'send'; readonly account: number; readonly call: SentCall }
  | {
      readonly kind: 'delivery_run';
      readonly feed: number;
      readonly readAccount: boolean;
      readonly crash: Crash | null;
    }
  | { readonly kind: 'connection_check'; readonly connection: number; readonly crash: Crash | null }
  | { readonly kind: 'fault'; readonly spec: FaultSpec }
  | {
      readonly kind: 'operator';
      readonly feed: number;
      readonly action: 'pause' | 'resume' | 'sync' | 'close';
    }
  /** An operator decides on one of the quarantined postings, if there are any. */
  | {
      readonly kind: 'decide';
      readonly feed: number;
      readonly posting: number;
      readonly what: 'release' | 'discard';
    }
  /** An operator holds a posting that is ready, or decides on one that is held. */
  | {
      readonly kind: 'hold';
      readonly feed: number;
      readonly posting: number;
      readonly what: 'hold' | 'release' | 'discard';
    }
  /** Core banking closes an account on a day, or opens it again. */
  | { readonly kind: 'account_life'; readonly account: number; readonly closedOn: string | null }
  /** The account names the one before it as the one that it replaces. */
  | { readonly kind: 'replace'; readonly account: number }
  /** Core banking sends the history of the account before as that of this one, under new ids. */
  | { readonly kind: 'move_history'; readonly account: number; readonly blanksDoubled: boolean }
  | { readonly kind: 'resync'; readonly feed: number; readonly from: string; readonly crash: Crash | null }
  | { readonly kind: 'sage_disconnect'; readonly feed: number }
  | { readonly kind: 'sage_select'; readonly feed: number; readonly startDate: string }
  | { readonly kind: 'connection'; readonly connection: number; readonly to: ConnectionChange }
  | { readonly kind: 'time'; readonly ms: number }
  | {
      readonly kind: 'frozen_sender';
      readonly feed: number;
      readonly other: number;
      readonly heldAt: 'before' | 'after';
      readonly otherHeldAt: 'before' | 'after' | null;
    };

export type ConnectionChange =
  | 'needs_reauth'
  | 'disabled'
  | 'active'
  | 'token_revoked'
  | 'organisation_revoked';

export interface PlannedAccount {
  readonly currency: DrawnCurrency;
  readonly timeZone: DrawnTimeZone;
  /** The connection of the first feed; a second feed of the account is on the other connection. */
  readonly connection: number;
  readonly onBoth: boolean;
  readonly startDate: string;
  readonly otherStartDate: string;
  /** Whether the account is selected in Sage at the beginning. */
  readonly active: boolean;
}

export interface DeliveryPlan {
  readonly connections: number;
  readonly accounts: readonly PlannedAccount[];
  readonly readBackLagMs: number;
  readonly steps: readonly Step[];
  /** How jobs without an end finish after the faults: an HTTP status, or null for success. */
  readonly jobsEndAs: number | null;
  /** Time between two rounds at the end. */
  readonly gapMs: number;
}

const stepsMax = 24;
const crashCallMax = 40;
const hourMs = 3_600_000;

/** What kinds of events a run has. Some of them relax a check, so each occurs in a part of the runs only. */
interface RunProfile {
  readonly falseAnswers: boolean;
  readonly frozenSenders: boolean;
  readonly bulk: boolean;
  readonly operators: boolean;
  readonly closes: boolean;
  readonly closesAccounts: boolean;
  readonly replaces: boolean;
  readonly poison: boolean;
  readonly folds: boolean;
  readonly readBackLagMs: number;
}

/** The accounts for which steps are drawn: amounts depend on their currencies. */
interface Frame extends RunProfile {
  readonly accounts: readonly PlannedAccount[];
}

export function drawDeliveryPlan(): fc.Arbitrary<DeliveryPlan> {
  const oneIn = (share: number) => fc.integer({ min: 0, max: share - 1 }).map((n) => n === share - 1);
  return fc
    .record<RunProfile>({
      falseAnswers: oneIn(6),
      frozenSenders: oneIn(4),
      bulk: oneIn(12),
      operators: fc.boolean(),
      closes: oneIn(8),
      closesAccounts: oneIn(5),
      replaces: oneIn(4),
      poison: oneIn(3),
      folds: oneIn(4),
      readBackLagMs: fc.constantFrom(0, 0, 0, 0, 0, 4_000, 30_000),
    })
    .chain((profile) =>
      fc
        .array(drawAccount(), { minLength: profile.replaces ? 2 : 1, maxLength: 3, size: 'max' })
        .chain((accounts) => drawPlanOf({ ...profile, accounts: ofOneCurrency(accounts, profile) })),
    );
}

/** An account has the currency of the one that it replaces, or nothing of them is alike. */
function ofOneCurrency(accounts: PlannedAccount[], { replaces }: RunProfile): PlannedAccount[] {
  const [first] = accounts;
  if (!replaces || first === undefined) return accounts;
  return accounts.map((account) => ({ ...account, currency: first.currency }));
}

function drawPlanOf(frame: Frame): fc.Arbitrary<DeliveryPlan> {
  return fc.record({
    connections: fc.integer({ min: 1, max: 2 }),
    accounts: fc.constant(frame.accounts),
    readBackLagMs: fc.constant(frame.readBackLagMs),
    steps: fc
      .tuple(drawSend(frame), fc.array(drawStep(frame), { minLength: 2, maxLength: stepsMax, size: 'max' }))
      .map(([first, rest]) => [first, ...rest]),
    jobsEndAs: fc.constantFrom(null, null, 450, 452, 500),
    gapMs: fc.constantFrom(15_000, 15_000, 15_000, hourMs, 25 * hourMs),
  });
}

function drawAccount(): fc.Arbitrary<PlannedAccount> {
  return fc.record({
    currency: fc.constantFrom(...drawnCurrencies),
    timeZone: fc.option(fc.constantFrom(...drawnTimeZones), { freq: 2 }),
    connection: fc.nat(),
    onBoth: fc.integer({ min: 0, max: 3 }).map((n) => n === 3),
    startDate: drawStartDate(),
    otherStartDate: drawStartDate(),
    active: fc.integer({ min: 0, max: 5 }).map((n) => n < 5),
  });
}

function drawCrash(): fc.Arbitrary<Crash | null> {
  const crash = fc.record({
    call: fc.integer({ min: 1, max: crashCallMax }),
    when: fc.constantFrom<Crash['when'][]>('before', 'after'),
  });
  return fc.oneof({ weight: 3, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: crash });
}

function drawSend(frame: Frame): fc.Arbitrary<Step> {
  return fc.integer({ min: 0, max: frame.accounts.length - 1 }).chain((account) => {
    const few = drawCall(frame.accounts[account]?.currency ?? 'GBP');
    const weighted = [{ weight: 2, arbitrary: few }];
    if (frame.bulk) weighted.push({ weight: 1, arbitrary: drawBulkCall() });
    return fc.record({
      kind: fc.constant('send' as const),
      account: fc.constant(account),
      call: fc.oneof(...weighted),
    });
  });
}

function drawStep(frame: Frame): fc.Arbitrary<Step> {
  const feed = fc.nat();
  const weighted: { weight: number; arbitrary: fc.Arbitrary<Step> }[] = [
    { weight: 5, arbitrary: drawSend(frame) },
    {
      weight: 12,
      arbitrary: fc.record({
        kind: fc.constant('delivery_run'),
        feed,
        readAccount: fc.integer({ min: 0, max: 4 }).map((n) => n === 4),
        crash: drawCrash(),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant('connection_check'),
        connection: fc.nat(),
        crash: drawCrash(),
      }),
    },
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('fault'), spec: drawFault() }) },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('time'),
        ms: fc.constantFrom(1_000, 11_000, 65_000, hourMs, 25 * hourMs),
      }),
    },
  ];
  if (frame.falseAnswers) {
    weighted.push({
      weight: 3,
      arbitrary: fc.record({ kind: fc.constant('fault'), spec: drawFalseAnswer() }),
    });
  }
  if (frame.poison) {
    weighted.push({ weight: 6, arbitrary: fc.record({ kind: fc.constant('fault'), spec: drawPoison() }) });
  }
  if (frame.folds) {
    weighted.push({ weight: 4, arbitrary: fc.record({ kind: fc.constant('fault'), spec: drawFold() }) });
  }
  if (frame.closesAccounts) {
    weighted.push({
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant('account_life'),
        account: fc.nat(),
        closedOn: fc.option<string>(drawClosingDay(), { freq: 2 }),
      }),
    });
  }
  if (frame.replaces) weighted.push({ weight: 6, arbitrary: drawReplacing() });
  if (frame.frozenSenders) weighted.push({ weight: 3, arbitrary: drawFrozenSender() });
  if (frame.operators) weighted.push({ weight: 4, arbitrary: drawOperatorStep(frame) });
  return fc.oneof(...weighted);
}

function drawReplacing(): fc.Arbitrary<Step> {
  return fc.oneof<fc.Arbitrary<Step>[]>(
    fc.record({ kind: fc.constant('replace'), account: fc.nat() }),
    fc.record({ kind: fc.constant('move_history'), account: fc.nat(), blanksDoubled: fc.boolean() }),
  );
}

function drawFrozenSender(): fc.Arbitrary<Step> {
  return fc.record({
    kind: fc.constant('frozen_sender'),
    feed: fc.nat(),
    other: fc.nat(),
    heldAt: fc.constantFrom('before', 'after'),
    otherHeldAt: fc.constantFrom('before', 'after', null),
  });
}

function drawOperatorStep(profile: RunProfile): fc.Arbitrary<Step> {
  const feed = fc.nat();
  const actions = [
    'pause',
    'resume',
    'resume',
    'sync',
    ...(profile.closes ? (['close'] as const) : []),
  ] as const;
  return fc.oneof<fc.Arbitrary<Step>[]>(
    fc.record({ kind: fc.constant('operator'), feed, action: fc.constantFrom(...actions) }),
    fc.record({
      kind: fc.constant('decide'),
      feed,
      posting: fc.nat(),
      what: fc.constantFrom('release', 'discard'),
    }),
    fc.record({
      kind: fc.constant('hold'),
      feed,
      posting: fc.nat(),
      what: fc.constantFrom('hold', 'hold', 'release', 'discard'),
    }),
    fc.record({ kind: fc.constant('resync'), feed, from: drawStartDate(), crash: drawCrash() }),
    fc.record({ kind: fc.constant('sage_disconnect'), feed }),
    fc.record({ kind: fc.constant('sage_select'), feed, startDate: drawStartDate() }),
    fc.record({
      kind: fc.constant('connection'),
      connection: fc.nat(),
      to: fc.constantFrom(
        'needs_reauth',
        'disabled',
        'active',
        'active',
        'token_revoked',
        'organisation_revoked',
      ),
    }),
  );
}
