import fc from 'fast-check';
import type { FaultSpec } from '../../../../sandbox/rutter/faults.js';
import {
  drawCall,
  drawCrowd,
  drawnCurrencies,
  drawStartDate,
  type DrawnCurrency,
  type SentCall,
} from '../draw-postings.js';
import { drawFault, drawLie, drawPoison } from '../faults.js';
import type { Death } from '../../killable-process.js';

/*
 * The plan of one run, drawn before it begins: plain data, so that a seed replays it exactly and a failing one shrinks.
 * Feeds, accounts and connections are named by any number, taken modulo how many there are.
 */

export type Step =
  | { readonly kind: 'send'; readonly account: number; readonly call: SentCall }
  | {
      readonly kind: 'deliveryRun';
      readonly feed: number;
      readonly readAccount: boolean;
      readonly death: Death | null;
    }
  | { readonly kind: 'look'; readonly connection: number; readonly death: Death | null }
  | { readonly kind: 'fault'; readonly spec: FaultSpec }
  | { readonly kind: 'person'; readonly feed: number; readonly action: 'pause' | 'resume' | 'sync' | 'close' }
  /** An operator decides on one of the postings that were set aside, if there are any. */
  | {
      readonly kind: 'decide';
      readonly feed: number;
      readonly posting: number;
      readonly what: 'release' | 'discard';
    }
  | { readonly kind: 'resync'; readonly feed: number; readonly from: string; readonly death: Death | null }
  | { readonly kind: 'sage_disconnect'; readonly feed: number }
  | { readonly kind: 'sage_select'; readonly feed: number; readonly startDate: string }
  | { readonly kind: 'connection'; readonly connection: number; readonly to: ConnectionChange }
  | { readonly kind: 'time'; readonly ms: number }
  | {
      readonly kind: 'zombie';
      readonly feed: number;
      readonly other: number;
      readonly heldAt: 'before' | 'after';
      readonly otherHeldAt: 'before' | 'after' | null;
    };

export type ConnectionChange =
  'needs_reauth' | 'disabled' | 'active' | 'token_revoked' | 'organisation_revoked';

export interface PlannedAccount {
  readonly currency: DrawnCurrency;
  /** The first feed's connection; a second feed of the same account is on the other one. */
  readonly connection: number;
  readonly onBoth: boolean;
  readonly startDate: string;
  readonly otherStartDate: string;
  /** Chosen in Sage from the beginning on. */
  readonly active: boolean;
}

export interface DeliverPlan {
  readonly connections: number;
  readonly accounts: readonly PlannedAccount[];
  readonly readBackLagMs: number;
  readonly steps: readonly Step[];
  /** How the jobs end that never ended, once the faults are over; null: well. */
  readonly jobsEndAs: number | null;
  /** Between two rounds at the end. */
  readonly gapMs: number;
}

const stepsMax = 24;
const deathCallMax = 40;
const hourMs = 3_600_000;

/** What sort of run it is. Lies, lags and sleeping senders excuse something, so each is drawn in a part of the runs only. */
interface Temper {
  readonly lies: boolean;
  readonly zombies: boolean;
  readonly crowds: boolean;
  readonly people: boolean;
  readonly closes: boolean;
  readonly poison: boolean;
  readonly readBackLagMs: number;
}

/** The steps are drawn for these accounts: amounts are written in their currencies. */
interface Frame extends Temper {
  readonly accounts: readonly PlannedAccount[];
}

export function drawDeliverPlan(): fc.Arbitrary<DeliverPlan> {
  const oneIn = (share: number) => fc.integer({ min: 0, max: share - 1 }).map((n) => n === share - 1);
  return fc
    .record<Temper>({
      lies: oneIn(6),
      zombies: oneIn(4),
      crowds: oneIn(12),
      people: fc.boolean(),
      closes: oneIn(8),
      poison: oneIn(4),
      readBackLagMs: fc.constantFrom(0, 0, 0, 0, 0, 4_000, 30_000),
    })
    .chain((temper) =>
      fc
        .array(drawAccount(), { minLength: 1, maxLength: 3, size: 'max' })
        .chain((accounts) => drawPlanOf({ ...temper, accounts })),
    );
}

function drawPlanOf(frame: Frame): fc.Arbitrary<DeliverPlan> {
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
    connection: fc.nat(),
    onBoth: fc.integer({ min: 0, max: 3 }).map((n) => n === 3),
    startDate: drawStartDate(),
    otherStartDate: drawStartDate(),
    active: fc.integer({ min: 0, max: 5 }).map((n) => n < 5),
  });
}

function drawDeath(): fc.Arbitrary<Death | null> {
  const death = fc.record({
    call: fc.integer({ min: 1, max: deathCallMax }),
    when: fc.constantFrom<Death['when'][]>('before', 'after'),
  });
  return fc.oneof({ weight: 3, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: death });
}

function drawSend(frame: Frame): fc.Arbitrary<Step> {
  return fc.integer({ min: 0, max: frame.accounts.length - 1 }).chain((account) => {
    const few = drawCall(frame.accounts[account]?.currency ?? 'GBP');
    const weighted = [{ weight: 2, arbitrary: few }];
    if (frame.crowds) weighted.push({ weight: 1, arbitrary: drawCrowd() });
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
        kind: fc.constant('deliveryRun'),
        feed,
        readAccount: fc.integer({ min: 0, max: 4 }).map((n) => n === 4),
        death: drawDeath(),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constant('look'), connection: fc.nat(), death: drawDeath() }),
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
  if (frame.lies) {
    weighted.push({ weight: 3, arbitrary: fc.record({ kind: fc.constant('fault'), spec: drawLie() }) });
  }
  if (frame.poison) {
    weighted.push({ weight: 3, arbitrary: fc.record({ kind: fc.constant('fault'), spec: drawPoison() }) });
  }
  if (frame.zombies) weighted.push({ weight: 3, arbitrary: drawZombie() });
  if (frame.people) weighted.push({ weight: 4, arbitrary: drawPeople(frame) });
  return fc.oneof(...weighted);
}

function drawZombie(): fc.Arbitrary<Step> {
  return fc.record({
    kind: fc.constant('zombie'),
    feed: fc.nat(),
    other: fc.nat(),
    heldAt: fc.constantFrom('before', 'after'),
    otherHeldAt: fc.constantFrom('before', 'after', null),
  });
}

function drawPeople(temper: Temper): fc.Arbitrary<Step> {
  const feed = fc.nat();
  const actions = [
    'pause',
    'resume',
    'resume',
    'sync',
    ...(temper.closes ? (['close'] as const) : []),
  ] as const;
  return fc.oneof<fc.Arbitrary<Step>[]>(
    fc.record({ kind: fc.constant('person'), feed, action: fc.constantFrom(...actions) }),
    fc.record({
      kind: fc.constant('decide'),
      feed,
      posting: fc.nat(),
      what: fc.constantFrom('release', 'discard'),
    }),
    fc.record({ kind: fc.constant('resync'), feed, from: drawStartDate(), death: drawDeath() }),
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
