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

/* The repair task of the `sage-banking` channel: what it does for open onboardings, and how it pages through many of them. */

let fixture: SageFixture;
let calls: string[] = [];
let deps: ActivityDeps;

beforeAll(async () => {
  fixture = await createSageFixture({ workers: false });
  const sage = fixture.deps.sage!;
  const recordCall =
    (what: string) =>
    ({ onboardingId }: { onboardingId: string }) => {
      calls.push(`${what} ${onboardingId}`);
      return Promise.resolve();
    };
  const workflows = {
    ...sage.workflows,
    startOnboarding: recordCall('start'),
    onboardingChanged: recordCall('signal'),
  };
  deps = { ...fixture.deps, sage: { ...sage, workflows } };
});
afterAll(async () => {
  await fixture.close();
});
beforeEach(async () => {
  calls = [];
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
      onboardingId,
      customerId,
      kind: 'desktop',
      licenceSealed: null,
      request: { company: { name: 'Repaired' } },
      termsAcceptedAt: new Date().toISOString(),
    });
    await db.query(`UPDATE sage_onboardings SET ${set} WHERE onboarding_id = $1`, [onboardingId]);
  });
  return onboardingId;
}

describe('an onboarding whose signal was lost', () => {
  const minute = `updated_at = now() - interval '61 seconds'`;

  it.each([
    ['a captcha was answered', `state = 'creating', captcha_text = 'x', ${minute}`],
    ['a late answer resolved the unknown outcome', `state = 'creating', reason = NULL, ${minute}`],
    ['a stale captcha is to be renewed', `state = 'registering', reason = 'captcha_expired', ${minute}`],
    [
      'an operator entered a resolution',
      `state = 'in_doubt', reason = 'answer_lost', resolution_sealed = 'x', ${minute}`,
    ],
    [
      'a late refusal of the POST resolved the unknown outcome',
      `state = 'creating', reason = 'provider_unavailable', updated_at = now() - interval '121 minutes'`,
    ],
  ])('is signaled within minutes: %s', async (_, set) => {
    const id = await begin(set);
    await repair();
    expect(calls).toEqual([`signal ${id}`]);
  });

  it.each([
    ['the signal may still arrive', `state = 'creating', captcha_text = 'x'`],
    ['it waits for the customer', `state = 'waiting_captcha', ${minute}`],
    ['it waits for an operator', `state = 'in_doubt', reason = 'answer_lost', ${minute}`],
    ['its workflow retries by itself', `state = 'creating', reason = 'sage_application_refused', ${minute}`],
  ])('does not include one that only needs its workflow: %s', async (_, set) => {
    const id = await begin(set);
    await repair();
    expect(calls).toEqual([`start ${id}`]);
  });
});

describe('many open onboardings', () => {
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
    expect([calls.length, new Set(calls).size]).toEqual([many, many]);
  });

  it('are continued where the previous run had to end', async () => {
    const stopping = AbortSignal.abort();
    const checked: number[] = [];
    for (let runs = 0; runs < 3; runs += 1) {
      const before = calls.length;
      await repair({ stopping });
      checked.push(calls.length - before);
    }
    expect(checked).toEqual([500, 500, 201]);
    expect(new Set(calls).size).toBe(many);
  });

  it('are found by an index of open onboardings, and the newest of a customer by its own index', async () => {
    // The ended onboardings of years.
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
    // One of the two indexes that contain open onboardings only.
    expect(plans[0]).toMatch(/sage_onboardings_(open|one_open)/);
    expect(plans[1]).toContain('sage_onboardings_of_customer');
    expect(plans[1]).not.toContain('Sort');
  });
});

it('is recorded as run for the metric also where the channel is not configured', async () => {
  await fixture.pool.query(
    `UPDATE repair_tasks SET ran_at = now() - (name LIKE 'sage%')::int * interval '5 minutes'`,
  );
  expect(await readRepairAge(fixture.pool)).toBeGreaterThan(299);
  await repair({ sage: null });
  expect(await readRepairAge(fixture.pool)).toBeLessThan(60);
});

it('passes only the id to the workflow, whatever else its caller has of the row', async () => {
  const onboardingId = randomUUID();
  const row = { onboardingId, captchaText: 'read-in-the-captcha' };
  await fixture.deps.sage!.workflows.onboardingChanged(row);
  const handle = fixture.client.workflow.getHandle(sageOnboardingWorkflowId(onboardingId));
  const payloads = payloadsOf(JSON.parse(historyToJSON(await handle.fetchHistory())));
  const clear = payloads.map((payload) =>
    Buffer.from(decryptPayload(fixture.keyring, payload).data ?? []).toString('utf8'),
  );
  expect(clear).toEqual([JSON.stringify({ onboardingId })]);
  await handle.terminate();
});
