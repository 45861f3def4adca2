import { randomUUID } from 'node:crypto';
import { ApplicationFailure, type WorkflowHandle } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Activities } from '../../../src/activities/channels.js';
import type { RefuseHandoffInput } from '../../../src/activities/rutter/handoff/refuse-handoff.js';
import { failureTypes } from '../../../src/domain/failures.js';
import type { HandoffReason, HandoffState, PartialSharing } from '../../../src/domain/rutter/handoff.js';
import { loginHandoffWorkflowId, taskQueues } from '../../../src/domain/ids.js';
import { limits } from '../../../src/domain/limits.js';
import * as messages from '../../../src/workflows/rutter/login-handoff/messages.js';
import type { loginHandoffWorkflow } from '../../../src/workflows/rutter/login-handoff/workflow.js';
import { searchAttributes } from '../../../src/workflows/search-attributes.js';
import { until } from '../../support/until.js';
import {
  bundleWorkflows,
  createWorkflowEnvironment,
  runFakeWorkers,
  type FakeWorkers,
} from '../../support/workflow-environment.js';

let env: TestWorkflowEnvironment;
let workers: FakeWorkers;
const handoffs = new Map<string, FakeHandoff>();

beforeAll(async () => {
  const [started, workflowBundle] = await Promise.all([createWorkflowEnvironment(), bundleWorkflows()]);
  env = started;
  const activities: Partial<Activities> = {
    dbReadHandoff: (input) => fakeOf(input).read(),
    dbRecordHandoffLogin: (input) => fakeOf(input).logIn(input.customerId),
    rutterEnsureHandoffConnection: (input) => fakeOf(input).step('connection'),
    rutterPublishAccounts: (input) => {
      fakeOf(input).mayAsk = input.mayAsk;
      return fakeOf(input).step('publish');
    },
    rutterCreateOtp: (input) => fakeOf(input).step('otp'),
    dbRefuseHandoff: (input) => fakeOf(input).refuse(input),
    dbExpireHandoff: (input) => fakeOf(input).expire(input.reason),
  };
  workers = await runFakeWorkers({ env, workflowBundle, activities, queues: [taskQueues.interactive] });
});
afterAll(async () => {
  await workers.stop();
  await env.teardown();
});

function fakeOf(input: { handoffId: string }): FakeHandoff {
  const fake = handoffs.get(input.handoffId);
  if (fake === undefined) throw new Error('no such handoff in this test');
  return fake;
}

interface StepResults {
  connection: Awaited<ReturnType<Activities['rutterEnsureHandoffConnection']>>;
  publish: Awaited<ReturnType<Activities['rutterPublishAccounts']>>;
  otp: Awaited<ReturnType<Activities['rutterCreateOtp']>>;
}
type Step = keyof StepResults;

/** A fake of the activities of one handoff, with the state of its row. */
class FakeHandoff {
  readonly handoffId = randomUUID();
  readonly calls: string[] = [];
  /** The times of the calls, by the server's clock. */
  readonly calledAtMs: number[] = [];
  state: HandoffState = 'opened';
  customerId: string | null = null;
  mayAsk: boolean | undefined;
  partialSharing: PartialSharing | null = null;
  ended: { state: 'refused' | 'expired'; reason: HandoffReason | null; errorCode?: string } | null = null;
  /** Set when the handoff is opened. */
  deadlineMs = 0;
  /** Results that replace the usual one of a step, for every attempt; a thrown failure decides whether it is retried. */
  readonly script: { [S in Step]?: () => StepResults[S] } = {};
  readonly workflowId = loginHandoffWorkflowId(this.handoffId);

  async read() {
    await this.called('read');
    const remainingMs = this.deadlineMs - (await env.currentTimeMs());
    return { state: this.state, remainingMs, partialSharing: this.partialSharing };
  }

  async logIn(customerId: string) {
    await this.called('login');
    if (this.customerId === null && this.state === 'opened') this.state = 'logged_in';
    this.customerId ??= customerId;
    const outcome = this.customerId === customerId ? ('recorded' as const) : ('other_customer' as const);
    return { outcome, state: this.state, customerId: this.customerId };
  }

  async step<S extends Step>(step: S): Promise<StepResults[S]> {
    await this.called(step);
    const usual: StepResults = {
      connection: { outcome: 'claimed', connectionId: randomUUID() },
      publish: { outcome: 'published', published: 2, refused: 0 },
      otp: { outcome: 'ready' },
    };
    const scripted = this.script[step];
    const result = scripted === undefined ? usual[step] : scripted();
    if (step === 'otp' && result.outcome === 'ready') this.state = 'ready';
    return result;
  }

  async refuse({ reason, errorCode }: RefuseHandoffInput): Promise<{ state: HandoffState }> {
    await this.called('refuse');
    this.ended = { state: 'refused', reason, ...(errorCode === undefined ? {} : { errorCode }) };
    this.state = 'refused';
    return { state: this.state };
  }

  async expire(reason: HandoffReason | null): Promise<{ state: HandoffState }> {
    await this.called('expire');
    if (['taken', 'superseded', 'refused'].includes(this.state)) return { state: this.state };
    this.ended = { state: 'expired', reason };
    this.state = 'expired';
    return { state: this.state };
  }

  private async called(name: string): Promise<void> {
    this.calls.push(name);
    this.calledAtMs.push(await env.currentTimeMs());
  }

  times(name: string): number {
    return this.calls.filter((call) => call === name).length;
  }
}

type Handle = WorkflowHandle<typeof loginHandoffWorkflow>;

async function opened(lifetimeMs: number = limits.handoffLifetimeMs): Promise<FakeHandoff> {
  const fake = new FakeHandoff();
  fake.deadlineMs = (await env.currentTimeMs()) + lifetimeMs;
  handoffs.set(fake.handoffId, fake);
  return fake;
}

/** As the facade does it. */
async function logIn(fake: FakeHandoff, customerId = 'cust-1'): Promise<Handle> {
  const { handoffId } = fake;
  return await env.client.workflow.signalWithStart<typeof loginHandoffWorkflow, [messages.LoginSucceeded]>(
    'loginHandoffWorkflow',
    {
      workflowId: fake.workflowId,
      taskQueue: taskQueues.workflows,
      args: [{ handoffId }],
      signal: messages.loginSucceeded,
      signalArgs: [{ handoffId, customerId }],
    },
  );
}

/** What the page does before it signals. */
async function share(fake: FakeHandoff, handle: Handle): Promise<void> {
  await called(fake, 'login');
  fake.state = 'sharing';
  await handle.signal(messages.accountsShared);
}

const called = (fake: FakeHandoff, name: string, times = 1) =>
  until(() => fake.times(name) >= times, { timeoutMs: 20_000, describe: `${name} was called` });

const refusal = (type: string, errorCode: string) =>
  ApplicationFailure.create({ message: 'no', type, nonRetryable: true, details: [{ errorCode }] });

describe('a handoff without faults', () => {
  it('connects, publishes and asks for the one-time password last, in this order', async () => {
    const fake = await opened();
    const handle = await logIn(fake);
    await share(fake, handle);
    await called(fake, 'otp');
    expect(fake.calls).toEqual(['read', 'login', 'connection', 'publish', 'otp']);
  });

  it('clears the redirect at the deadline and not before, and completes', async () => {
    const fake = await opened();
    const handle = await logIn(fake);
    await share(fake, handle);
    await handle.result();
    expect(fake.ended).toEqual({ state: 'expired', reason: null });
    expect(fake.calledAtMs.at(-1)).toBeGreaterThanOrEqual(fake.deadlineMs - 1_000);
    expect(fake.calledAtMs.at(-1)).toBeLessThan(fake.deadlineMs + 10_000);
    expect(await handle.query(messages.handoffStatus)).toMatchObject({ step: 'expired' });
  });

  it('shows `done` when the redirect was taken', async () => {
    const fake = await opened();
    const handle = await logIn(fake);
    await share(fake, handle);
    await called(fake, 'otp');
    await until(async () => (await handle.query(messages.handoffStatus)).step === 'ready', {
      timeoutMs: 20_000,
      describe: 'the handoff is ready',
    });
    fake.state = 'taken';
    await handle.result();
    expect(fake.ended).toBeNull();
    expect(await handle.query(messages.handoffStatus)).toMatchObject({ step: 'done' });
  });

  it('shows operators its customer and its step, by ids only', async () => {
    const fake = await opened();
    const handle = await logIn(fake, 'cust-7');
    await called(fake, 'login');
    const status = await until(
      async () => {
        const found = await handle.query(messages.handoffStatus);
        return found.step === 'waiting_for_accounts' ? found : undefined;
      },
      { timeoutMs: 20_000, describe: 'it waits for the accounts' },
    );
    expect(status.handoffId).toBe(fake.handoffId);
    expect(Math.abs(Date.parse(status.deadlineAt ?? '') - fake.deadlineMs)).toBeLessThan(10_000);
    const { typedSearchAttributes } = await handle.describe();
    expect(typedSearchAttributes.get(searchAttributes.customerId)).toBe('cust-7');
  });
});

describe('messages', () => {
  it('keeps the first customer when another one logs in later in the same browser', async () => {
    const fake = await opened();
    const handle = await logIn(fake, 'first');
    await logIn(fake, 'second');
    await share(fake, handle);
    await called(fake, 'otp');
    expect(fake.customerId).toBe('first');
    expect(fake.times('login')).toBe(1);
  });

  it('continues for the customer in the row when it differs from that of the signal', async () => {
    const fake = await opened();
    fake.customerId = 'earlier';
    const handle = await logIn(fake, 'later');
    await share(fake, handle);
    await called(fake, 'otp');
    expect(fake.customerId).toBe('earlier');
  });

  it('needs no signal for a choice that is already stored in the row', async () => {
    const fake = await opened();
    fake.state = 'sharing';
    await logIn(fake);
    await called(fake, 'otp');
  });

  it('acts once on a choice that is signaled many times', async () => {
    const fake = await opened();
    const handle = await logIn(fake);
    await share(fake, handle);
    await handle.signal(messages.accountsShared);
    await handle.signal(messages.accountsShared);
    await handle.result();
    expect(fake.calls).toEqual(['read', 'login', 'connection', 'publish', 'otp', 'expire']);
  });

  it('does nothing more in a handoff that has ended, when the back button logs in again', async () => {
    for (const state of ['taken', 'superseded', 'refused', 'expired'] as const) {
      const fake = await opened();
      fake.state = state;
      await (await logIn(fake)).result();
      expect(fake.calls).toEqual(['read']);
    }
  });

  it('clears a redirect that an earlier run left', async () => {
    const fake = await opened();
    fake.state = 'ready';
    await (await logIn(fake)).result();
    expect(fake.calls).toEqual(['read', 'expire']);
  });
});

describe('when some accounts cannot be published', () => {
  /** Shared, and asked whether to go on. */
  async function asked(lifetimeMs?: number): Promise<{ fake: FakeHandoff; handle: Handle }> {
    const fake = await opened(lifetimeMs);
    fake.script.publish = () => {
      fake.partialSharing = 'asked';
      return { outcome: 'asked', published: 2, refused: 1 };
    };
    const handle = await logIn(fake);
    await share(fake, handle);
    await called(fake, 'read', 2);
    return { fake, handle };
  }

  it('waits for the customer, who goes on: then the one-time password is created', async () => {
    const { fake, handle } = await asked();
    expect(await handle.query(messages.handoffStatus)).toMatchObject({ step: 'waiting_for_decision' });
    await handle.signal(messages.accountsShared);
    await called(fake, 'read', 3);
    expect(fake.times('otp')).toBe(0);
    fake.partialSharing = 'accepted';
    await handle.signal(messages.accountsShared);
    await called(fake, 'otp');
    expect(fake.calls.slice(0, 4)).toEqual(['read', 'login', 'connection', 'publish']);
  });

  it('ends without a password when the customer stops', async () => {
    const { fake, handle } = await asked();
    fake.partialSharing = 'declined';
    await handle.signal(messages.accountsShared);
    await handle.result();
    expect(fake.times('otp')).toBe(0);
    expect(fake.ended).toEqual({ state: 'refused', reason: 'declined' });
  });

  it('ends at the deadline when nobody answers', async () => {
    const { fake, handle } = await asked(60_000);
    await handle.result();
    expect(fake.times('otp')).toBe(0);
    expect(fake.ended).toEqual({ state: 'expired', reason: null });
    expect(fake.calledAtMs.at(-1)).toBeGreaterThanOrEqual(fake.deadlineMs - 1_000);
  });

  it('ends at once when a newer window has taken the connection over', async () => {
    const { fake, handle } = await asked();
    fake.state = 'superseded';
    await handle.signal(messages.accountsShared);
    await handle.result();
    expect(fake.times('otp')).toBe(0);
    expect(await handle.query(messages.handoffStatus)).toMatchObject({ step: 'superseded' });
  });

  it('lets its activity ask, since it can wait for an answer', async () => {
    const fake = await opened();
    const handle = await logIn(fake);
    await share(fake, handle);
    await called(fake, 'publish');
    expect(fake.mayAsk).toBe(true);
  });
});

describe('the deadline', () => {
  it('ends a handoff whose customer never shares', async () => {
    const fake = await opened();
    const handle = await logIn(fake);
    await handle.result();
    expect(fake.calls).toEqual(['read', 'login', 'expire']);
    expect(fake.ended).toEqual({ state: 'expired', reason: null });
    expect(fake.calledAtMs.at(-1)).toBeGreaterThanOrEqual(fake.deadlineMs - 1_000);
  });

  it('is that of the row, however late the login was', async () => {
    const fake = await opened(20_000);
    await (await logIn(fake)).result();
    expect(fake.calledAtMs.at(-1)).toBeLessThan(fake.deadlineMs + 10_000);
  });

  it('ends a handoff at once when it has passed already', async () => {
    const fake = await opened(-1_000);
    fake.state = 'logged_in';
    await (await logIn(fake)).result();
    expect(fake.times('connection')).toBe(0);
    expect(fake.ended?.state).toBe('expired');
  });

  for (const step of ['connection', 'publish', 'otp'] as const) {
    it(`ends a handoff when Rutter did not answer (${step}), and records the reason`, async () => {
      const fake = await opened();
      fake.script[step] = () => {
        throw ApplicationFailure.create({ message: 'away', type: failureTypes.providerUnavailable });
      };
      const handle = await logIn(fake);
      await share(fake, handle);
      await handle.result();
      expect(fake.times(step)).toBeGreaterThan(3);
      expect(fake.ended).toEqual({ state: 'expired', reason: 'provider_unavailable' });
      // No attempt follows it.
      const lastTry = fake.calledAtMs[fake.calls.lastIndexOf(step)];
      expect(lastTry).toBeLessThanOrEqual(fake.deadlineMs + 1_000);
    });
  }

  it('ends a handoff whose one-time password came too late', async () => {
    const fake = await opened();
    fake.script.otp = () => ({ outcome: 'too_late' });
    const handle = await logIn(fake);
    await share(fake, handle);
    await handle.result();
    expect(fake.ended).toEqual({ state: 'expired', reason: null });
  });
});

describe('failure', () => {
  it('that is transient is retried', async () => {
    const fake = await opened();
    let tries = 0;
    fake.script.publish = () => {
      tries += 1;
      if (tries < 4) throw ApplicationFailure.create({ message: 'busy', type: failureTypes.rateLimited });
      return { outcome: 'published', published: 1, refused: 0 };
    };
    const handle = await logIn(fake);
    await share(fake, handle);
    await env.sleep(30_000);
    await called(fake, 'otp');
  });

  const refusals: [string, HandoffReason][] = [
    [failureTypes.refused, 'provider_refused'],
    [failureTypes.connectionRefused, 'connection_refused'],
    [failureTypes.credentialsRejected, 'credentials_rejected'],
  ];
  for (const [type, reason] of refusals) {
    for (const step of ['connection', 'publish', 'otp'] as const) {
      it(`that is final ends the handoff with a reason at once, and never fails the workflow (${type}, ${step})`, async () => {
        const fake = await opened();
        fake.script[step] = () => {
          throw refusal(type, 'CODE');
        };
        const handle = await logIn(fake);
        await share(fake, handle);
        await handle.result();
        expect(fake.times(step)).toBe(1);
        expect(fake.ended).toEqual({ state: 'refused', reason, errorCode: 'CODE' });
        expect(await handle.query(messages.handoffStatus)).toMatchObject({ step: 'refused' });
      });
    }
  }

  it('of the connection choice ends the handoff with that reason', async () => {
    const fake = await opened();
    fake.script.connection = () => ({ outcome: 'refused', reason: 'connection_unavailable' });
    const handle = await logIn(fake);
    await share(fake, handle);
    await handle.result();
    expect(fake.ended).toEqual({ state: 'refused', reason: 'connection_unavailable' });
    expect(fake.times('publish')).toBe(0);
  });

  it('because of a newer window ends the handoff without changing the row', async () => {
    const fake = await opened();
    fake.script.otp = () => ({ outcome: 'over', state: 'superseded' });
    const handle = await logIn(fake);
    await share(fake, handle);
    await handle.result();
    expect(fake.calls.at(-1)).toBe('otp');
    expect(await handle.query(messages.handoffStatus)).toMatchObject({ step: 'superseded' });
  });
});
