import { randomUUID } from 'node:crypto';
import { ApplicationFailure, type Client } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import type { WorkflowBundle } from '@temporalio/worker';
import type { SignalDefinition } from '@temporalio/common';
import { afterAll, beforeAll, describe, it } from 'vitest';
import type { Activities } from '../../src/activities/channels.js';
import { failureTypes } from '../../src/domain/failures.js';
import { taskQueues } from '../../src/domain/ids.js';
import { connectionCheckRequested } from '../../src/workflows/rutter/connection/messages.js';
import { accountsShared, loginSucceeded } from '../../src/workflows/rutter/login-handoff/messages.js';
import {
  sageAccountCheckRequested,
  sageAccountStatusReported,
} from '../../src/workflows/sage-banking/bank-account/messages.js';
import type { ReportedStatus } from '../../src/domain/feed-status.js';
import { sageOnboardingChanged } from '../../src/workflows/sage-banking/onboarding/messages.js';
import { replayAndRecord } from '../support/recorded-history.js';
import { until } from '../support/until.js';
import {
  bundleWorkflows,
  createWorkflowEnvironment,
  endAtRest,
  runFakeWorkers,
  type FakeWorkers,
} from '../support/workflow-environment.js';

/*
 * A run of every workflow but the feed's (`feed-histories.test.ts`), its history continued by another worker.
 * `npm run histories` writes the histories to `test/replay/histories`, where later code must replay them. Activities answer
 * from the script of their run: each list in order, then its last answer repeatedly.
 */

type Answer<Name extends keyof Activities> = Awaited<ReturnType<Activities[Name]>> | (() => never);
type Script = { [Name in keyof Activities]?: Answer<Name>[] };
type Work = (input?: Record<string, unknown>) => Promise<unknown>;

interface Scenario {
  readonly name: string;
  readonly workflowType: string;
  /** Name of the one id in the workflow's input, if it has one. */
  readonly idName?: string;
  readonly input?: object;
  readonly script: Script;
  /** Signals in order; each is sent when the activity before it was called. */
  readonly signals?: readonly {
    after: keyof Activities;
    /** How often the activity was called by then; 1 by default. */
    calls?: number;
    signal: SignalDefinition<never[]>;
    args?: object[];
  }[];
  /** The run is recorded, still open, when this time has passed. Otherwise it is recorded at its end. */
  readonly openAfterMs?: number;
}

const failing = (type: string) => () => {
  throw ApplicationFailure.nonRetryable('no', type);
};
const notAnswered = () => {
  throw ApplicationFailure.retryable('no answer', failureTypes.providerUnavailable);
};

const account: Awaited<ReturnType<Activities['sageReadAccount']>> = {
  customerId: 'cust-1',
  status: 'active',
  reason: null,
  storedCount: 3,
  hasMore: false,
  mustCancel: false,
  readAtMs: 1_790_000_000_000,
  nextCheckMs: 3_600_000,
};
const pending: typeof account = { ...account, status: 'pending', storedCount: 0, nextCheckMs: 5_000 };
/** As an attempt that failed reports it. */
const degraded: ReportedStatus = {
  customerId: 'cust-1',
  state: 'live',
  reason: 'provider_unavailable',
  degraded: { since: '2026-11-30T08:00:00.000Z', cause: 'provider_error', nextAttemptAt: null },
};
const step = {
  customerId: 'cust-1',
  state: 'creating',
  reason: null,
  next: 'again',
  slowly: false,
  waitMs: null,
} as const;
const polling = { outcome: 'waiting', pollAfterMs: 5_000, remainingMs: 900_000 } as const;
const linked = [{ outcome: 'over', state: 'linked' } as const];
const repaired = [{ checked: 10, repaired: 1, roundEnded: true }];
const nothingAwaited = { refused: false, awaitedCount: 0, nextPollMs: null };
const toLogin: Script = {
  dbReadHandoff: [{ state: 'opened', remainingMs: 560_000 }],
  dbRecordHandoffLogin: [{ outcome: 'recorded', state: 'logged_in', customerId: 'cust-1' }],
  dbExpireHandoff: [{ state: 'expired' }],
  dbRefuseHandoff: [{ state: 'refused' }],
};
const loginAndShare = [
  { after: 'dbReadHandoff', signal: loginSucceeded, args: [{ handoffId: 'handoff', customerId: 'cust-1' }] },
  { after: 'dbRecordHandoffLogin', signal: accountsShared },
] as unknown as NonNullable<Scenario['signals']>;
const askWhileDegraded = [
  { after: 'sageReadAccount', signal: sageAccountStatusReported, args: [degraded] },
  { after: 'sageReadAccount', signal: sageAccountCheckRequested },
] as unknown as NonNullable<Scenario['signals']>;
const repairAll: Script = {
  temporalRestartFeeds: repaired,
  temporalRestartConnections: repaired,
  temporalWakeFeeds: repaired,
  temporalRestartHandoffs: repaired,
  temporalEndCommands: repaired,
  temporalRestartSageWorkflows: repaired,
  dbReviewAlerts: [{ raised: 1, ended: 0 }],
};
const connection = { workflowType: 'connectionWorkflow', idName: 'connectionId' };
const handoff = { workflowType: 'loginHandoffWorkflow', idName: 'handoffId', signals: loginAndShare };
const command = { workflowType: 'providerCommandWorkflow', idName: 'commandId' };
const bankAccount = { workflowType: 'sageBankAccountWorkflow', idName: 'sageAccountId' };
const bankLink = { workflowType: 'sageBankLinkWorkflow', idName: 'linkId' };
const onboarding = { workflowType: 'sageOnboardingWorkflow', idName: 'onboardingId' };
const reprocess = { workflowType: 'sageReprocessWorkflow', idName: 'reprocessId' };

const scenarios: readonly Scenario[] = [
  { name: 'connection-nothing-awaited', ...connection, script: { rutterReadConnection: [nothingAwaited] } },
  {
    name: 'connection-activation',
    ...connection,
    script: {
      rutterReadConnection: [
        { refused: false, awaitedCount: 2, nextPollMs: 2_000 },
        { refused: false, awaitedCount: 2, nextPollMs: 2_000 },
        { refused: false, awaitedCount: 1, nextPollMs: 900_000 },
        nothingAwaited,
      ],
    },
    signals: [{ after: 'rutterReadConnection', signal: connectionCheckRequested }],
  },
  {
    name: 'connection-reauthorization',
    ...connection,
    script: {
      rutterReadConnection: [
        { refused: true, awaitedCount: 0, nextPollMs: 900_000 },
        failing(failureTypes.connectionRefused),
        nothingAwaited,
      ],
    },
  },
  {
    name: 'login-handoff-linked',
    ...handoff,
    script: {
      ...toLogin,
      rutterEnsureHandoffConnection: [{ outcome: 'claimed', connectionId: randomUUID() }],
      rutterPublishAccounts: [{ outcome: 'published', published: 2, refused: 0 }],
      rutterCreateOtp: [{ outcome: 'ready' }],
    },
  },
  {
    name: 'login-handoff-refused',
    ...handoff,
    script: { ...toLogin, rutterEnsureHandoffConnection: [failing(failureTypes.refused)] },
  },
  {
    name: 'login-handoff-asked',
    ...handoff,
    signals: [...loginAndShare, { after: 'dbReadHandoff', calls: 2, signal: accountsShared }],
    script: {
      ...toLogin,
      dbReadHandoff: [
        { state: 'opened', remainingMs: 560_000, partialSharing: null },
        { state: 'sharing', remainingMs: 500_000, partialSharing: 'asked' },
        { state: 'sharing', remainingMs: 450_000, partialSharing: 'accepted' },
      ],
      rutterEnsureHandoffConnection: [{ outcome: 'claimed', connectionId: randomUUID() }],
      rutterPublishAccounts: [{ outcome: 'asked', published: 2, refused: 1 }],
      rutterCreateOtp: [{ outcome: 'ready' }],
    },
  },
  {
    name: 'provider-command-done',
    ...command,
    input: { channel: 'sage-banking' },
    script: { providerRunCommand: [{ state: 'done' }] },
  },
  {
    name: 'provider-command-not-answered',
    ...command,
    input: { channel: 'rutter' },
    script: { providerRunCommand: [notAnswered], dbFailCommand: [{ state: 'failed' }] },
  },
  { name: 'fleet-repair-with-commands', workflowType: 'fleetRepairWorkflow', script: repairAll },
  {
    name: 'fleet-repair-with-commands-one-failed',
    workflowType: 'fleetRepairWorkflow',
    script: { ...repairAll, temporalWakeFeeds: [failing(failureTypes.obsolete)] },
  },
  {
    name: 'fleet-repair-with-reviews',
    workflowType: 'fleetRepairWorkflow',
    input: { reviewEveryMs: 15_000, periodMs: 60_000 },
    script: repairAll,
  },
  {
    name: 'sage-bank-account-asked-while-degraded',
    ...bankAccount,
    script: { sageReadAccount: [notAnswered, account] },
    signals: askWhileDegraded,
    openAfterMs: 60_000,
  },
  {
    name: 'sage-bank-account-active',
    ...bankAccount,
    script: { sageReadAccount: [pending, pending, { ...account, hasMore: true }, account] },
    openAfterMs: 60_000,
  },
  {
    name: 'sage-bank-account-auth-required',
    ...bankAccount,
    script: { sageReadAccount: [account, { ...account, status: 'authRequired', nextCheckMs: 5_000 }] },
    signals: [{ after: 'sageReadAccount', signal: sageAccountCheckRequested }],
    openAfterMs: 60_000,
  },
  {
    name: 'sage-bank-account-cancelled',
    ...bankAccount,
    script: {
      sageReadAccount: [account, { ...account, mustCancel: true }],
      sageCancelAccount: [
        { cancelled: false, nextCheckMs: 60_000 },
        { cancelled: true, nextCheckMs: 0 },
      ],
    },
  },
  {
    name: 'sage-bank-link-linked',
    ...bankLink,
    script: {
      sageBeginBankLink: [polling],
      sagePollBankLink: [polling, { outcome: 'granted' }],
      sageCreateAccount: [{ outcome: 'again', waitMs: 10_000 }, ...linked],
    },
  },
  {
    name: 'sage-bank-link-reauthorized',
    ...bankLink,
    script: { sageBeginBankLink: [polling], sagePollBankLink: [polling, ...linked] },
  },
  {
    name: 'sage-bank-link-session-lost',
    ...bankLink,
    script: {
      sageBeginBankLink: [polling],
      sagePollBankLink: [{ outcome: 'lost' }, polling, { outcome: 'granted' }],
      sageCreateAccount: [failing(failureTypes.refused)],
    },
  },
  {
    name: 'sage-onboarding-cloud',
    ...onboarding,
    script: { sageAdvanceOnboarding: [step, step, { ...step, next: 'over', state: 'ready' }] },
  },
  {
    name: 'sage-onboarding-desktop',
    ...onboarding,
    script: {
      sageAdvanceOnboarding: [
        { ...step, state: 'registering' },
        { ...step, state: 'waiting_captcha', next: 'wait', waitMs: 600_000_000 },
        { ...step, next: 'later', reason: 'provider_unavailable' },
        { ...step, next: 'over', state: 'ready' },
      ],
    },
    signals: [{ after: 'sageAdvanceOnboarding', signal: sageOnboardingChanged }],
  },
  {
    name: 'sage-onboarding-in-doubt',
    ...onboarding,
    script: {
      sageAdvanceOnboarding: [
        failing(failureTypes.refused),
        { ...step, state: 'in_doubt', reason: 'answer_lost', next: 'wait' },
        { ...step, next: 'over', state: 'ready' },
      ],
    },
  },
  {
    name: 'sage-reprocess-two-chunks',
    ...reprocess,
    script: {
      sageStartReprocessChunk: [
        { outcome: 'started', pollAfterMs: 1_000 },
        { outcome: 'started', pollAfterMs: 1_000 },
        { outcome: 'over', state: 'done' },
      ],
      sagePollReprocessChunk: [
        { outcome: 'waiting', pollAfterMs: 1_000 },
        { outcome: 'next', startAfterMs: 0 },
        { outcome: 'next', startAfterMs: 4_000 },
      ],
    },
  },
  {
    name: 'sage-reprocess-not-answered',
    ...reprocess,
    script: { sageStartReprocessChunk: [notAnswered] },
  },
];

let env: TestWorkflowEnvironment;
let workflowBundle: WorkflowBundle;
let workers: FakeWorkers;
let running: { readonly script: Script; readonly calls: Map<string, number> };

beforeAll(async () => {
  [env, workflowBundle] = await Promise.all([createWorkflowEnvironment(), bundleWorkflows()]);
  const names = new Set(scenarios.flatMap(({ script }) => Object.keys(script)));
  const activities = Object.fromEntries(
    [...names, 'dbFailReprocess', 'dbRecordOnboardingFailure', 'dbEndBankLink'].map((name) => [
      name,
      play(name),
    ]),
  ) as Partial<Activities>;
  const queues = [taskQueues.deliver, taskQueues.interactive];
  workers = await runFakeWorkers({ env, workflowBundle, activities, queues });
});
afterAll(async () => {
  await workers.stop();
  await env.teardown();
});

/** An activity with the answers of the running scenario's script; without a list it returns undefined. */
function play(name: string): Work {
  return async () => {
    const calls = running.calls.get(name) ?? 0;
    running.calls.set(name, calls + 1);
    const answers = (running.script as Record<string, unknown[] | undefined>)[name] ?? [];
    const answer = answers[Math.min(calls, answers.length - 1)];
    return typeof answer === 'function' ? (answer as () => never)() : answer;
  };
}

const isCalled = (name: string, calls: number) =>
  until(() => (running.calls.get(name) ?? 0) >= calls, { timeoutMs: 30_000, describe: `${name} is called` });

async function start(client: Client, { workflowType, idName, input, name }: Scenario) {
  const id = randomUUID();
  return await client.workflow.start(workflowType, {
    workflowId: `${name}/${id}`,
    taskQueue: taskQueues.workflows,
    args: idName === undefined ? (input === undefined ? [] : [input]) : [{ [idName]: id, ...input }],
  });
}

describe('the history of a run', () => {
  it.each(scenarios.map((scenario) => [scenario.name, scenario] as const))(
    '%s is continued by another worker',
    async (name, scenario) => {
      running = { script: scenario.script, calls: new Map() };
      const { client } = env;
      const handle = await start(client, scenario);
      const { workflowId } = handle;
      for (const { after, calls = 1, signal, args = [] } of scenario.signals ?? []) {
        await isCalled(after, calls);
        await handle.signal(signal, ...(args as never[]));
      }
      if (scenario.openAfterMs === undefined) await handle.result();
      else await env.sleep(scenario.openAfterMs);
      await replayAndRecord({ client, workflowBundle, workflowId, name });
      await endAtRest(client, workflowId);
    },
  );
});
