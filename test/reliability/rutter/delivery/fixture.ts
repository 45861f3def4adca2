import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { askControl } from '../../../../sandbox/stand-in/ask-control.js';
import { startRutterSandbox, type RunningSandbox } from '../../../../sandbox/rutter/server.js';
import type { ActivityDeps } from '../../../../src/activities/channels.js';
import { createRutterClient } from '../../../../src/clients/rutter/client.js';
import { createKeyEntry, parseKeyring, type Keyring } from '../../../../src/crypto/keyring.js';
import type { Pool } from '../../../../src/db/pool.js';
import type { Control } from '../book.js';
import { createMovableDatabase, DeliveryClock } from '../../database-clock.js';

const credentials = { clientId: 'rc_simulation', clientSecret: 'rs_simulation_secret' };
/** A request that hangs costs this much real time; an honest answer takes a few milliseconds. */
const requestTimeoutMs = 400;
/** For a sender that is held at a gate while another one works. */
const longTimeoutMs = 5_000;
const databaseConnectionsMax = 10;
/** `preferSyncWindowMs` 0: every job with a run time is answered as `async_response`, since no one moves the clock then. */
const knobs = { jobRunMs: 0, preferSyncWindowMs: 0, rateLimit: false } as const;

/** What many runs share: one database, its clock, one keyring. */
export interface DeliveryFixture {
  readonly pool: Pool;
  readonly keyring: Keyring;
  readonly clock: DeliveryClock;
  /** Starts a sandbox for one run and attaches it to the clock. */
  openSandbox(knobs: { readBackLagMs: number }): Promise<OpenSandbox>;
  close(): Promise<void>;
}

export interface OpenSandbox {
  readonly sandbox: RunningSandbox;
  readonly control: Control;
}

export async function createDeliveryFixture(): Promise<DeliveryFixture> {
  const keys = parseKeyring(createKeyEntry('simulation'));
  if (!keys.ok) throw new Error('no keyring');
  const { pool, drop } = await createMovableDatabase(databaseConnectionsMax);
  const clock = new DeliveryClock(pool);
  return {
    pool,
    clock,
    keyring: keys.keyring,
    openSandbox: async (own) => {
      const sandbox = await startRutterSandbox({ port: 0, ...credentials, knobs: { ...knobs, ...own } });
      const control = controlOf(sandbox);
      await clock.attach((nowMs) => control('POST', '/clock', { set: new Date(nowMs).toISOString() }));
      return { sandbox, control };
    },
    close: drop,
  };
}

function controlOf({ url }: RunningSandbox): Control {
  return (method, path, body) => askControl({ url, method, path, body });
}

/** The dependencies of one process, with its own access to the database and the network. */
export function depsOf(input: {
  fixture: DeliveryFixture;
  sandbox: RunningSandbox;
  pool: Pool;
  fetch: typeof fetch;
  longTimeouts: boolean;
}): ActivityDeps {
  const { fixture, sandbox, pool } = input;
  const timeoutMs = input.longTimeouts ? longTimeoutMs : requestTimeoutMs;
  const discardSignal = () => Promise.resolve();
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
    // Every signal to a workflow is lost: the rows alone must say what has to be done.
    workflows: {
      wakeFeed: discardSignal,
      feedFactsChanged: discardSignal,
      feedStatusReported: discardSignal,
      wakeConnection: discardSignal,
      missingFeeds: () => Promise.resolve([]),
      missingConnections: () => Promise.resolve([]),
      missingHandoffs: () => Promise.resolve([]),
      missingCommands: () => Promise.resolve([]),
      loginSucceeded: discardSignal,
    },
    settings: {
      rutterPlatform: 'SAGE_BANK_FEEDS',
      redirectOrigins: [sandbox.url],
      connectionMode: 'api',
      publishConcurrency: 4,
      handoffOtpLatestMs: 570_000,
      feedSyncIntervalMs: 86_400_000,
      bankTimeZone: null,
      feedActivationPollMinMs: 2_000,
      feedActivationPollMaxMs: 900_000,
      accountFacts: 'all',
      startDateFromOpenedOn: false,
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
