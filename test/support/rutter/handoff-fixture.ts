import { randomUUID } from 'node:crypto';
import { ApplicationFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import type { ActivityDeps } from '../../../src/activities/channels.js';
import { createActivityInterceptors } from '../../../src/activities/interceptor.js';
import { sha256Hex } from '../../../src/crypto/hash.js';
import { open, seal } from '../../../src/crypto/seal.js';
import {
  openHandoff,
  readHandoff,
  recordHandoffChoice,
  recordHandoffLogin,
} from '../../../src/db/rutter/handoffs.js';
import type { HandoffRow } from '../../../src/db/rutter/handoffs.js';
import { validateRedirectTarget, printRedirectTarget } from '../../../src/domain/rutter/redirect-target.js';
import { createDeliveryFixture, type DeliveryFixture } from './delivery-fixture.js';

export interface Customer {
  customerId: string;
  accountIds: string[];
}

export interface SharedHandoff {
  handoffId: string;
  challenge: string;
}

/** A request that the sandbox saw. */
export interface SeenRequest {
  method: string;
  path: string;
  status: number;
  idempotency_key: string | null;
}

type ActivityFactory<I, R> = (deps: ActivityDeps) => (input: I) => Promise<R>;

/** The delivery fixture and what a handoff needs: customers, challenges of the sandbox, activities with the interceptor. */
export interface HandoffFixture extends DeliveryFixture {
  makeCustomer(input?: { accounts?: number; currency?: string }): Promise<Customer>;
  /** A browser came, the customer logged in and shared; `ageMs` ago, so that deadlines can be met exactly. */
  share(
    customer: Customer,
    input?: { connectionId?: string; accountIds?: readonly string[]; ageMs?: number },
  ): Promise<SharedHandoff>;
  /** One attempt, as the worker runs it; other dependencies where the test says so. */
  attempt<I, R>(factory: ActivityFactory<I, R>, input: I, deps?: Partial<ActivityDeps>): Promise<R>;
  /** Attempts until one succeeds or Temporal would give up, without the waits between them. */
  attemptUntilDone<I, R>(factory: ActivityFactory<I, R>, input: I, deps?: Partial<ActivityDeps>): Promise<R>;
  handoff(handoffId: string): Promise<HandoffRow & { answer: string | null }>;
  requests(method: string, pathEnd: string): Promise<SeenRequest[]>;
  fault(spec: Record<string, unknown>): Promise<void>;
  /** What Rutter does with the browser: the status of its answer, 302 when the link succeeded. */
  follow(address: string): Promise<number>;
}

/** Temporal would go on until the deadline; a test that needs more attempts than this is wrong. */
const attemptsMax = 6;

export async function createHandoffFixture(): Promise<HandoffFixture> {
  const fixture = await createDeliveryFixture();
  const attempt: HandoffFixture['attempt'] = (factory, input, deps = {}) =>
    runOnce(fixture, factory, input, deps);
  return {
    ...fixture,
    makeCustomer: (input = {}) => makeCustomer(fixture, input),
    share: (customer, input = {}) => share(fixture, customer, input),
    attempt,
    attemptUntilDone: async (factory, input, deps) => {
      for (let attempts = 1; ; attempts += 1) {
        try {
          return await attempt(factory, input, deps);
        } catch (error) {
          const final = !(error instanceof ApplicationFailure) || error.nonRetryable === true;
          if (final || attempts >= attemptsMax) throw error;
        }
      }
    },
    handoff: async (handoffId) => {
      const row = await readHandoff(fixture.pool, { handoffId });
      const { rows } = await fixture.pool.query<{ answer_sealed: string | null }>(
        `SELECT answer_sealed FROM handoffs WHERE handoff_id = $1`,
        [handoffId],
      );
      const sealed = rows[0]?.answer_sealed ?? null;
      if (row === null) throw new Error('no such handoff');
      const answer =
        sealed === null ? null : open(fixture.deps.keyring, sealed, { table: 'handoffs', row: handoffId });
      return { ...row, answer };
    },
    requests: async (method, pathEnd) => {
      const { requests } = (await fixture.control('GET', '/requests')) as { requests: SeenRequest[] };
      return requests.filter((seen) => seen.method === method && seen.path.split('?')[0]?.endsWith(pathEnd));
    },
    fault: async (spec) => {
      await fixture.control('POST', '/faults', spec);
    },
    follow: async (address) => (await fetch(address, { redirect: 'manual' })).status,
  };
}

async function runOnce<I, R>(
  fixture: DeliveryFixture,
  factory: ActivityFactory<I, R>,
  input: I,
  deps: Partial<ActivityDeps>,
): Promise<R> {
  const environment = new MockActivityEnvironment(
    {},
    {
      interceptors: [createActivityInterceptors],
      logger: new DefaultLogger('ERROR', () => undefined),
    },
  );
  return await environment.run(factory({ ...fixture.deps, ...deps }), input);
}

async function makeCustomer(
  { pool }: DeliveryFixture,
  input: { accounts?: number; currency?: string },
): Promise<Customer> {
  const customerId = `cust-${randomUUID()}`;
  await pool.query(`INSERT INTO customers (customer_id, name) VALUES ($1, 'Harbour Joinery')`, [customerId]);
  const accountIds = Array.from({ length: input.accounts ?? 2 }, () => `acc-${randomUUID()}`);
  for (const accountId of accountIds) {
    await pool.query(
      `INSERT INTO accounts (account_id, customer_id, name, type, currency) VALUES ($1, $2, 'Trading', 'bank', $3)`,
      [accountId, customerId, input.currency ?? 'GBP'],
    );
  }
  return { customerId, accountIds };
}

async function share(
  fixture: DeliveryFixture,
  customer: Customer,
  input: { connectionId?: string; accountIds?: readonly string[]; ageMs?: number },
): Promise<SharedHandoff> {
  const { pool, deps } = fixture;
  const login = (await fixture.control('POST', '/challenges', {})) as {
    challenge: string;
    redirect_uri: string;
  };
  const { challenge } = login;
  const handoffId = sha256Hex(challenge);
  const verdict = validateRedirectTarget({
    redirectUri: login.redirect_uri,
    challenge,
    allowedOrigins: [fixture.sandbox.url],
  });
  if (!verdict.ok) throw new Error(`the sandbox's redirect is refused: ${verdict.problem}`);
  await openHandoff(pool, {
    handoffId,
    lifetimeMs: 570_000,
    redirectSealed: seal(deps.keyring, printRedirectTarget(verdict.target), {
      table: 'handoffs',
      row: handoffId,
    }),
    fetchSite: 'cross-site',
    refererOrigin: null,
  });
  const { customerId } = customer;
  await recordHandoffLogin(pool, { handoffId, customerId });
  await recordHandoffChoice(pool, {
    handoffId,
    customerId,
    connectionId: input.connectionId ?? null,
    accountIds: input.accountIds ?? customer.accountIds,
  });
  await pool.query(
    `UPDATE handoffs SET first_seen_at = first_seen_at - $2::float8 * interval '1 millisecond',
            deadline_at = deadline_at - $2::float8 * interval '1 millisecond' WHERE handoff_id = $1`,
    [handoffId, input.ageMs ?? 0],
  );
  return { handoffId, challenge };
}
