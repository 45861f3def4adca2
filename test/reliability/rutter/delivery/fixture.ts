import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { askControl } from '../../../../sandbox/stand-in/ask-control.js';
import { startRutterSandbox, type RunningSandbox } from '../../../../sandbox/rutter/server.js';
import type { ActivityDeps } from '../../../../src/activities/deps.js';
import { createRutterClient } from '../../../../src/clients/rutter/client.js';
import { createKeyEntry, parseKeyring, type Keyring } from '../../../../src/crypto/keyring.js';
import type { Pool } from '../../../../src/db/pool.js';
import type { Control } from '../checker.js';
import { createMovableDatabase, DeliverClock } from '../../database-clock.js';

const credentials = { clientId: 'rc_simulation', clientSecret: 'rs_simulation_secret' };
/** A request that hangs costs this much real time; an honest answer takes a few milliseconds. */
const requestTimeoutMs = 400;
/** Of a sender that is held at a gate while another one works. */
const patientTimeoutMs = 5_000;
const databaseConnectionsMax = 10;
/** `preferSyncWindowMs` 0: a job that runs at all is answered as `async_response`, since nobody moves the clock then. */
const knobs = { jobRunMs: 0, preferSyncWindowMs: 0, rateLimit: false } as const;

/** What many runs stand on: one database, its clock, one keyring. */
export interface DeliverFixture {
  readonly pool: Pool;
  readonly keyring: Keyring;
  readonly clock: DeliverClock;
  /** Starts a sandbox for one run, at the simulation's time, and makes it the one whose clock moves. */
  openSandbox(knobs: { readBackLagMs: number }): Promise<OpenSandbox>;
  close(): Promise<void>;
}

export interface OpenSandbox {
  readonly sandbox: RunningSandbox;
  readonly control: Control;
}

export async function createDeliverFixture(): Promise<DeliverFixture> {
  const keys = parseKeyring(createKeyEntry('simulation'));
  if (!keys.ok) throw new Error('no keyring');
  const { pool, drop } = await createMovableDatabase(databaseConnectionsMax);
  const clock = new DeliverClock(pool);
  return {
    ...{ pool, clock, keyring: keys.keyring },
    openSandbox: async (own) => {
      const sandbox = await startRutterSandbox({ port: 0, ...credentials, knobs: { ...knobs, ...own } });
      const control = controlOf(sandbox);
      await clock.follow((nowMs) => control('POST', '/clock', { set: new Date(nowMs).toISOString() }));
      return { sandbox, control };
    },
    close: drop,
  };
}

function controlOf({ url }: RunningSandbox): Control {
  return (method, path, body) => askControl({ url, method, path, body });
}

/** The dependencies of one process: its own way to the database and to the network. */
export function depsOf(input: {
  fixture: DeliverFixture;
  sandbox: RunningSandbox;
  pool: Pool;
  fetch: typeof fetch;
  patient: boolean;
}): ActivityDeps {
  const { fixture, sandbox, pool } = input;
  const timeoutMs = input.patient ? patientTimeoutMs : requestTimeoutMs;
  const lost = () => Promise.resolve();
  return {
    pool,
    keyring: fixture.keyring,
    rutter: createRutterClient({
      ...credentials,
      baseUrl: sandbox.apiUrl,
      version: '2024-08-31',
      // The limiter waits in real time and has its own tests.
      limiter: { acquire: () => Promise.resolve(), slowDown: () => Promise.resolve() },
      fetch: input.fetch,
      timeouts: { postTransactionsMs: timeoutMs, otherMs: timeoutMs },
    }),
    // Every message to a workflow is lost: rows alone must carry what has to be done.
    workflows: {
      wakeFeed: lost,
      feedFactsChanged: lost,
      wakeConnection: lost,
      missingFeeds: () => Promise.resolve([]),
      missingConnections: () => Promise.resolve([]),
    },
    settings: {
      rutterPlatform: 'SAGE_BANK_FEEDS',
      redirectOrigins: [sandbox.url],
      handoffOtpLatestMs: 570_000,
      feedSyncIntervalMs: 86_400_000,
      feedActivationPollMinMs: 2_000,
      feedActivationPollMaxMs: 900_000,
    },
    wait: async (waitMs, signal) => {
      signal.throwIfAborted();
      await fixture.clock.wait(waitMs);
      signal.throwIfAborted();
    },
    sage: null,
    stopping: new AbortController().signal,
  };
}

/** Runs one attempt of an activity, without Temporal and without its log. */
export async function runActivity<Input, Result>(
  activity: (input: Input) => Promise<Result>,
  input: Input,
): Promise<Result> {
  const environment = new MockActivityEnvironment(
    {},
    { logger: new DefaultLogger('ERROR', () => undefined) },
  );
  return await environment.run<[Input], Result, (input: Input) => Promise<Result>>(activity, input);
}
