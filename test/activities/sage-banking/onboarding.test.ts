import { randomUUID } from 'node:crypto';
import { MockActivityEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { ActivityDeps } from '../../../src/activities/channels.js';
import { sageAdvanceOnboarding } from '../../../src/activities/sage-banking/onboarding/advance-onboarding.js';
import { dbRecordOnboardingFailure } from '../../../src/activities/sage-banking/onboarding/record-onboarding-failure.js';
import type { SageBankingClient } from '../../../src/clients/sage-banking/client.js';
import { SageUnreachable } from '../../../src/clients/sage-banking/errors.js';
import { reviewAlerts } from '../../../src/db/alerts.js';
import { dbChannels } from '../../../src/db/channels.js';
import { channelIds } from '../../../src/domain/channel.js';
import { transaction, type Pool } from '../../../src/db/pool.js';
import { readSageCompanyOfOnboarding } from '../../../src/db/sage-banking/companies.js';
import { beginAgain } from '../../../src/db/sage-banking/onboarding-steps.js';
import {
  insertSageOnboarding,
  lockSageOnboarding,
  readSageOnboarding,
} from '../../../src/db/sage-banking/onboardings.js';
import { readUnclaimedKey } from '../../../src/db/sage-banking/unclaimed-organisations.js';
import { dayMs } from '../../../src/domain/limits.js';
import { createSageFixture, type SageFixture } from '../../support/sage-banking/fixture.js';
import { until } from '../../support/until.js';

/* Single steps around the one POST of an onboarding, with attempts that overlap, are delayed and answer late. */

const soon = { timeoutMs: 20_000, everyMs: 20 };

let fixture: SageFixture;
beforeAll(async () => {
  fixture = await createSageFixture({ workers: false });
});
afterAll(async () => {
  expect(await fixture.violations()).toEqual([]);
  await fixture.close();
});

type Creating = SageBankingClient['createOrganisation'];

/** The dependencies of one worker: its own client of Sage, and the onboardings that it has woken. */
function workerOf(input: { create?: (real: Creating) => Creating; pool?: Pool } = {}): {
  deps: ActivityDeps;
  woken: string[];
} {
  const woken: string[] = [];
  const sage = fixture.deps.sage!;
  const { client, workflows } = sage;
  const create: Creating = (order) => client.createOrganisation(order);
  const deps: ActivityDeps = {
    ...fixture.deps,
    ...(input.pool === undefined ? {} : { pool: input.pool }),
    sage: {
      ...sage,
      client: { ...client, createOrganisation: input.create?.(create) ?? create },
      workflows: {
        ...workflows,
        onboardingChanged: ({ onboardingId }) => {
          woken.push(onboardingId);
          return Promise.resolve();
        },
      },
    },
  };
  return { deps, woken };
}

async function begin(): Promise<string> {
  const { customerId } = await fixture.makeCustomer();
  const onboardingId = randomUUID();
  await transaction(fixture.pool, (db) =>
    insertSageOnboarding(db, {
      onboardingId,
      customerId,
      kind: 'cloud',
      licenceSealed: null,
      request: { company: { name: `Step by Step ${onboardingId}` } },
      termsAcceptedAt: new Date().toISOString(),
    }),
  );
  return onboardingId;
}

const attempt = (deps: ActivityDeps, onboardingId: string) =>
  new MockActivityEnvironment().run(sageAdvanceOnboarding(deps), { onboardingId });

async function rowOf(onboardingId: string) {
  const row = await readSageOnboarding(fixture.pool, { onboardingId });
  if (row === null) throw new Error('unknown onboarding');
  return row;
}

async function madeAtSage(onboardingId: string): Promise<number> {
  const { organisations } = (await fixture.control('GET', '/organisations')) as {
    organisations: { fields: { company?: { name: string } } }[];
  };
  return organisations.filter(({ fields }) => fields.company?.name.endsWith(onboardingId)).length;
}

async function kindsOf(onboardingId: string): Promise<string[]> {
  const { rows } = await fixture.pool.query<{ kind: string }>(
    `SELECT kind FROM timeline WHERE detail->>'onboarding_id' = $1 ORDER BY entry_id`,
    [onboardingId],
  );
  return rows.map(({ kind }) => kind);
}

/** A point that can be reached and then holds until it is opened. */
function gate(): { opened: Promise<void>; open: () => void; reached: Promise<void>; reach: () => void } {
  const [opened, open] = promised();
  const [reached, reach] = promised();
  return { opened, open, reached, reach };
}
function promised(): [Promise<void>, () => void] {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((done) => (resolve = done));
  return [promise, resolve];
}

/** A worker whose POST is answered by Sage and whose answer is held. */
function workerWithHeldAnswer() {
  const held = gate();
  const worker = workerOf({
    create: (real) => async (order) => {
      const answer = await real(order);
      held.reach();
      await held.opened;
      return answer;
    },
  });
  return { ...held, ...worker };
}

describe('an attempt that finds the mark of another', () => {
  it('sends nothing and sets in_doubt; the late answer of the first attempt resolves it', async () => {
    const id = await begin();
    const first = workerWithHeldAnswer();
    const running = attempt(first.deps, id);
    await first.reached;
    const second = workerOf({
      create: () => () => Promise.reject(new Error('a second POST was sent')),
    });
    expect(await attempt(second.deps, id)).toMatchObject({ state: 'in_doubt', reason: 'answer_lost' });
    expect(await attempt(second.deps, id)).toMatchObject({ state: 'in_doubt', next: 'wait' });
    first.open();
    await running;
    expect(first.woken).toEqual([id]);
    expect(await rowOf(id)).toMatchObject({ state: 'creating', reason: null, createSentAt: null });
    expect(await attempt(second.deps, id)).toMatchObject({ state: 'ready', next: 'over' });
    expect(await madeAtSage(id)).toBe(1);
  });

  it('leaves an answer that arrives after the resolution to an operator: the timeline names the organisation', async () => {
    const id = await begin();
    const first = workerWithHeldAnswer();
    const running = attempt(first.deps, id);
    await first.reached;
    const second = workerOf();
    await attempt(second.deps, id);
    // The operator enters by mistake that it was not created.
    await transaction(fixture.pool, async (db) => {
      const row = await lockSageOnboarding(db, { onboardingId: id });
      await beginAgain(db, row!);
    });
    await attempt(second.deps, id);
    const company = await readSageCompanyOfOnboarding(fixture.pool, { onboardingId: id });
    first.open();
    await running;
    expect(await readSageCompanyOfOnboarding(fixture.pool, { onboardingId: id })).toEqual(company);
    expect(await kindsOf(id)).toContain('sage_organisation_unclaimed');
    // Its key is kept for its customer.
    const { rows } = await fixture.pool.query<{
      organisationId: string;
      companyId: string;
      customerId: string;
    }>(
      `SELECT u.organisation_id AS "organisationId", u.company_id AS "companyId", o.customer_id AS "customerId"
         FROM sage_unclaimed_organisations u JOIN sage_onboardings o USING (onboarding_id) WHERE onboarding_id = $1`,
      [id],
    );
    const [unclaimed] = rows;
    const access = (customerId: string) =>
      readUnclaimedKey(fixture.pool, fixture.keyring, { ...unclaimed!, customerId });
    const signingKey = await access(unclaimed!.customerId);
    await fixture.deps.sage!.client.proveAccess({
      access: { ...unclaimed!, signingKey: signingKey! },
      signal: new AbortController().signal,
    });
    expect(await access('another')).toBeNull();
    expect(await attempt(second.deps, id)).toMatchObject({ state: 'ready' });
  });
});

describe('the POST', () => {
  it('that was never sent may be repeated: its mark is removed', async () => {
    const id = await begin();
    const unreachable = workerOf({
      create: () => () =>
        Promise.reject(new SageUnreachable({ operation: 'createOrganisation', code: 'ECONNREFUSED' })),
    });
    const result = await attempt(unreachable.deps, id);
    expect(result).toMatchObject({ state: 'creating', reason: 'provider_unavailable', next: 'later' });
    expect((await rowOf(id)).createSentAt).toBeNull();
    const { deps } = workerOf();
    await attempt(deps, id);
    expect(await attempt(deps, id)).toMatchObject({ state: 'ready', reason: null });
    expect(await madeAtSage(id)).toBe(1);
  });

  it('is not sent by an attempt that was delayed after its mark, since others may have continued', async () => {
    const id = await begin();
    let sent = 0;
    const { deps } = workerOf({
      create: (real) => (order) => {
        sent += 1;
        return real(order);
      },
    });
    const blocker = await fixture.pool.connect();
    await blocker.query('BEGIN');
    await blocker.query('SELECT 1 FROM sage_onboardings WHERE onboarding_id = $1 FOR UPDATE', [id]);
    const running = attempt(deps, id);
    await blocker.query('SELECT pg_sleep(5.5)');
    await blocker.query('COMMIT');
    blocker.release();
    expect(await running).toMatchObject({ state: 'creating', next: 'later' });
    expect([sent, (await rowOf(id)).createSentAt]).toEqual([0, null]);
    await attempt(deps, id);
    expect([sent, await madeAtSage(id)]).toEqual([1, 1]);
  });

  it('is not sent by a machine that was suspended after the mark and whose monotonic clock stopped', async () => {
    const id = await begin();
    let sent = 0;
    const { deps } = workerOf({
      create: (real) => (order) => {
        sent += 1;
        return real(order);
      },
    });
    const now = Date.now.bind(Date);
    let sleptMs = 0;
    const clock = vi.spyOn(Date, 'now').mockImplementation(() => now() + (sleptMs += 6_000));
    const result = await attempt(deps, id).finally(() => clock.mockRestore());
    expect(result).toMatchObject({ state: 'creating', next: 'later' });
    expect([sent, (await rowOf(id)).createSentAt]).toEqual([0, null]);
    await attempt(deps, id);
    expect([sent, await madeAtSage(id)]).toEqual([1, 1]);
  });

  it('has its answer stored when the database is available again, without setting in_doubt', async () => {
    const id = await begin();
    let refusing = false;
    let refused = 0;
    const pool = new Proxy(fixture.pool, {
      get: (target, name: keyof Pool) => {
        if (name === 'connect' && refusing) {
          refused += 1;
          return () => Promise.reject(Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }));
        }
        const member: unknown = Reflect.get(target, name);
        return typeof member === 'function' ? (member.bind(target) as unknown) : member;
      },
    });
    const { deps } = workerOf({
      pool,
      create: (real) => async (order) => {
        const answer = await real(order);
        refusing = true;
        return answer;
      },
    });
    const running = attempt(deps, id);
    await until(() => refused >= 3, { ...soon, describe: 'storing was tried three times' });
    expect(await rowOf(id)).toMatchObject({ state: 'creating' });
    refusing = false;
    await running;
    expect(await readSageCompanyOfOnboarding(fixture.pool, { onboardingId: id })).not.toBeNull();
    expect(await attempt(deps, id)).toMatchObject({ state: 'ready' });
  });

  it('that is answered with the ids of an existing company ends the onboarding, and the company keeps its customer', async () => {
    const owner = await begin();
    const { deps } = workerOf();
    await attempt(deps, owner);
    const company = await readSageCompanyOfOnboarding(fixture.pool, { onboardingId: owner });
    const id = await begin();
    const { organisationId, companyId } = company!;
    const wrongAnswer = workerOf({
      create: () => () => Promise.resolve({ organisationId, companyId, signingKey: 'another' }),
    });
    expect(await attempt(wrongAnswer.deps, id)).toMatchObject({ state: 'refused', reason: 'company_taken' });
    expect(await readSageCompanyOfOnboarding(fixture.pool, { onboardingId: owner })).toEqual(company);
  });
});

describe('an onboarding', () => {
  it('keeps its state while a worker without the channel configuration advances it', async () => {
    const unconfigured: ActivityDeps = { ...fixture.deps, sage: null };
    const creating = await begin();
    expect(await attempt(unconfigured, creating)).toMatchObject({
      state: 'creating',
      reason: 'channel_disabled',
      next: 'later',
      slowly: true,
    });
    const unknownOutcomeId = await begin();
    await fixture.pool.query(
      `UPDATE sage_onboardings SET state = 'in_doubt', reason = 'answer_lost', create_sent_at = now()
        WHERE onboarding_id = $1`,
      [unknownOutcomeId],
    );
    expect(await attempt(unconfigured, unknownOutcomeId)).toMatchObject({
      state: 'in_doubt',
      reason: 'answer_lost',
    });
  });

  it('that waits for an operator raises an alert, which ends when it continues', async () => {
    const id = await begin();
    const { deps } = workerOf();
    const since = expect.stringMatching(/^\d{4}-.*Z$/) as string;
    const alerts = async (): Promise<unknown[]> => {
      await reviewAlerts(fixture.pool, dbChannels, {
        feedSyncIntervalMs: dayMs,
        configuredChannels: channelIds,
      });
      const { rows } = await fixture.pool.query<{ detail: unknown }>(
        `SELECT detail FROM alerts WHERE code = 'onboarding_stuck' AND subject = $1 AND ended_at IS NULL`,
        [id],
      );
      return rows.map(({ detail }) => detail);
    };
    const updateRow = (set: string): Promise<unknown> =>
      fixture.pool.query(`UPDATE sage_onboardings SET ${set} WHERE onboarding_id = $1`, [id]);
    await updateRow(`reason = 'sage_application_refused'`);
    // At first it raises no alert.
    expect(await alerts()).toEqual([]);
    await updateRow(`person_acted_at = now() - interval '11 minutes'`);
    expect(await alerts()).toEqual([
      { onboarding_id: id, state: 'creating', reason: 'sage_application_refused', since },
    ]);
    await updateRow(
      `state = 'in_doubt', reason = 'answer_lost', person_acted_at = now(), create_sent_at = now()`,
    );
    expect(await alerts()).toEqual([{ onboarding_id: id, state: 'in_doubt', reason: 'answer_lost', since }]);
    await updateRow(`state = 'creating', reason = NULL, create_sent_at = NULL`);
    expect(await alerts()).toEqual([]);
    await attempt(deps, id);
    expect(await attempt(deps, id)).toMatchObject({ state: 'ready' });
  });

  it('whose step fails unexpectedly records it once and raises the alert', async () => {
    const id = await begin();
    const recordFailure = (onboardingId: string) =>
      new MockActivityEnvironment().run(dbRecordOnboardingFailure(fixture.deps), { onboardingId });
    await recordFailure(id);
    await recordFailure(id);
    expect(await rowOf(id)).toMatchObject({ state: 'creating', reason: 'unexpected' });
    expect((await kindsOf(id)).filter((kind) => kind === 'sage_onboarding_failing')).toHaveLength(1);
    await fixture.pool.query(
      `UPDATE sage_onboardings SET person_acted_at = now() - interval '11 minutes' WHERE onboarding_id = $1`,
      [id],
    );
    await reviewAlerts(fixture.pool, dbChannels, {
      feedSyncIntervalMs: dayMs,
      configuredChannels: channelIds,
    });
    const { rows } = await fixture.pool.query(
      `SELECT detail FROM alerts WHERE code = 'onboarding_stuck' AND subject = $1 AND ended_at IS NULL`,
      [id],
    );
    expect(rows).toMatchObject([{ detail: { reason: 'unexpected' } }]);
    const { deps } = workerOf();
    await attempt(deps, id);
    expect(await attempt(deps, id)).toMatchObject({ state: 'ready', reason: null });
    // In `in_doubt` the reason of the row is kept.
    const unknownOutcomeId = await begin();
    await fixture.pool.query(
      `UPDATE sage_onboardings SET state = 'in_doubt', reason = 'answer_lost' WHERE onboarding_id = $1`,
      [unknownOutcomeId],
    );
    await recordFailure(unknownOutcomeId);
    await recordFailure(randomUUID());
    expect(await rowOf(unknownOutcomeId)).toMatchObject({ state: 'in_doubt', reason: 'answer_lost' });
  });

  it('that has ended is not changed, and an unknown one is an error', async () => {
    const id = await begin();
    const { deps } = workerOf();
    await attempt(deps, id);
    await attempt(deps, id);
    const before = await rowOf(id);
    expect(await attempt(deps, id)).toMatchObject({ state: 'ready', next: 'over' });
    expect((await rowOf(id)).updatedAt).toBe(before.updatedAt);
    await expect(attempt(deps, randomUUID())).rejects.toThrow('does not exist');
  });
});
