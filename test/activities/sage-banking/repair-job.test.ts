import { randomUUID } from 'node:crypto';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { MockActivityEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ActivityDeps } from '../../../src/activities/channels.js';
import { temporalRestartSageWorkflows } from '../../../src/activities/sage-banking/restart-workflows.js';
import { transaction, type Queryable } from '../../../src/db/pool.js';
import {
  insertSageOnboarding,
  listOnboardingsToCheck,
  readNewestSageOnboarding,
} from '../../../src/db/sage-banking/onboardings.js';
import { readRepairAge } from '../../../src/db/repair-tasks.js';
import { sageOnboardingWorkflowId } from '../../../src/domain/ids.js';
import { decryptPayload } from '../../../src/temporal/codec.js';
import { payloadsOf } from '../../support/histories.js';
import { createSageFixture, type SageFixture } from '../../support/sage-banking/fixture.js';

/* The chore of the `sage-banking` channel by itself: what it does for open onboardings, and how it comes to those behind others. */

let fixture: SageFixture;
let told: string[] = [];
let deps: ActivityDeps;

beforeAll(async () => {
  fixture = await createSageFixture({ workers: false });
  const sage = fixture.deps.sage!;
  const tell =
    (what: string) =>
    ({ onboardingId }: { onboardingId: string }) => {
      told.push(`${what} ${onboardingId}`);
      return Promise.resolve();
    };
  const workflows = {
    ...sage.workflows,
    startOnboarding: tell('start'),
    onboardingChanged: tell('signal'),
  };
  deps = { ...fixture.deps, sage: { ...sage, workflows } };
});
afterAll(async () => {
  await fixture.close();
});
beforeEach(async () => {
  told = [];
  await fixture.pool.query(`UPDATE sage_onboardings SET state = 'refused'`);
  await fixture.pool.query(`UPDATE repair_tasks SET cursor_id = NULL`);
});

const repair = (over: Partial<ActivityDeps> = {}) =>
  new MockActivityEnvironment().run(temporalRestartSageWorkflows({ ...deps, ...over }));

async function begin(set: string): Promise<string> {
  const { customerId } = await fixture.makeCustomer();
  const onboardingId = randomUUID();
  await transaction(fixture.pool, async (db) => {
    await insertSageOnboarding(db, {
      ...{ onboardingId, customerId, kind: 'desktop', licenceSealed: null },
      request: { company: { name: 'Swept' } },
      termsAcceptedAt: new Date().toISOString(),
    });
    await db.query(`UPDATE sage_onboardings SET ${set} WHERE onboarding_id = $1`, [onboardingId]);
  });
  return onboardingId;
}

describe('an onboarding whose signal was lost', () => {
  const minute = `updated_at = now() - interval '61 seconds'`;

  it.each([
    ['a captcha was read', `state = 'creating', captcha_text = 'x', ${minute}`],
    ['a late answer ended the doubt', `state = 'creating', reason = NULL, ${minute}`],
    ['a stale captcha is to be renewed', `state = 'registering', reason = 'captcha_expired', ${minute}`],
    [
      'an operator entered what they found',
      `state = 'in_doubt', reason = 'answer_lost', resolution_sealed = 'x', ${minute}`,
    ],
    [
      'a late refusal of the POST ended the doubt',
      `state = 'creating', reason = 'provider_unavailable', updated_at = now() - interval '121 minutes'`,
    ],
  ])('is signalled within minutes: %s', async (_, set) => {
    const id = await begin(set);
    await repair();
    expect(told).toEqual([`signal ${id}`]);
  });

  it.each([
    ['it is on its way', `state = 'creating', captcha_text = 'x'`],
    ['it waits for a person', `state = 'waiting_captcha', ${minute}`],
    ['it waits for an operator', `state = 'in_doubt', reason = 'answer_lost', ${minute}`],
    [
      'its workflow tries again by itself',
      `state = 'creating', reason = 'sage_application_refused', ${minute}`,
    ],
  ])('is no other one, which is only started: %s', async (_, set) => {
    const id = await begin(set);
    await repair();
    expect(told).toEqual([`start ${id}`]);
  });
});

describe('open onboardings in great number', () => {
  const many = 1_201;
  beforeEach(async () => {
    await fixture.pool.query(
      `INSERT INTO customers (customer_id, name) SELECT 'many-' || n, 'Many' FROM generate_series(1, $1::int) n
       ON CONFLICT DO NOTHING`,
      [many],
    );
    await fixture.pool.query(`DELETE FROM sage_onboardings WHERE customer_id LIKE 'many-%'`);
    await fixture.pool.query(
      `INSERT INTO sage_onboardings (onboarding_id, customer_id, kind, request, terms_accepted_at, state)
       SELECT gen_random_uuid(), 'many-' || n, 'desktop', '{}', now(), 'waiting_captcha'
         FROM generate_series(1, $1::int) n`,
      [many],
    );
  });

  it('are all reached in one run, each once', async () => {
    await repair();
    expect([told.length, new Set(told).size]).toEqual([many, many]);
  });

  it('are taken up where the run before had to end', async () => {
    const stopping = AbortSignal.abort();
    const checked: number[] = [];
    for (let runs = 0; runs < 3; runs += 1) {
      const before = told.length;
      await repair({ stopping });
      checked.push(told.length - before);
    }
    expect(checked).toEqual([500, 500, 201]);
    expect(new Set(told).size).toBe(many);
  });

  it('are found by an index of the open ones, and the newest of a customer by its own', async () => {
    // The ended ones of years.
    await fixture.pool.query(
      `INSERT INTO sage_onboardings (onboarding_id, customer_id, kind, request, terms_accepted_at, state, created_at)
       SELECT gen_random_uuid(), 'many-' || (n % 20 + 1), 'cloud', '{}', now(), 'refused', now() - n * interval '1 s'
         FROM generate_series(1, 20000) n`,
    );
    await fixture.pool.query('ANALYZE sage_onboardings');
    const plans: string[] = [];
    const explaining = {
      query: async (sql: string, values: unknown[]) => {
        const { rows } = await fixture.pool.query<Record<string, string>>(`EXPLAIN ${sql}`, values);
        plans.push(rows.map((row) => Object.values(row).join()).join('\n'));
        return { rows: [] };
      },
    } as unknown as Queryable;
    await listOnboardingsToCheck(explaining, { afterId: null, limit: 500 });
    await readNewestSageOnboarding(explaining, { customerId: 'many-1' });
    // One of the two that hold open ones alone.
    expect(plans[0]).toMatch(/sage_onboardings_(open|one_open)/);
    expect(plans[1]).toContain('sage_onboardings_of_customer');
    expect(plans[1]).not.toContain('Sort');
  });
});

it('has run, for the metric, also where the channel is closed', async () => {
  await fixture.pool.query(
    `UPDATE repair_tasks SET ran_at = now() - (name LIKE 'sage%')::int * interval '5 minutes'`,
  );
  expect(await readRepairAge(fixture.pool)).toBeGreaterThan(299);
  await repair({ sage: null });
  expect(await readRepairAge(fixture.pool)).toBeLessThan(60);
});

it('hands the workflow an id, whatever else of the row its caller holds', async () => {
  const onboardingId = randomUUID();
  const row = { onboardingId, captchaText: 'read-in-the-picture' };
  await fixture.deps.sage!.workflows.onboardingChanged(row);
  const handle = fixture.client.workflow.getHandle(sageOnboardingWorkflowId(onboardingId));
  const payloads = payloadsOf(JSON.parse(historyToJSON(await handle.fetchHistory())));
  const clear = payloads.map((payload) =>
    Buffer.from(decryptPayload(fixture.keyring, payload).data ?? []).toString('utf8'),
  );
  expect(clear).toEqual([JSON.stringify({ onboardingId })]);
  await handle.terminate();
});
