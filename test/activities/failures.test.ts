import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger, type LogEntry } from '@temporalio/worker';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Obsolete, CredentialsRejected, toFailure } from '../../src/activities/failures.js';
import { isDatabaseUnavailable } from '../../src/db/unavailable.js';
import { createActivityInterceptors } from '../../src/activities/interceptor.js';
import {
  RutterOutcomeUnknown,
  RutterRateLimited,
  RutterRefused,
  RutterUnauthorized,
  RutterUnexpectedAnswer,
  RutterUnreachable,
} from '../../src/clients/rutter/errors.js';
import {
  SageForeignAddress,
  SageGone,
  SageNotConfigured,
  SageOutcomeUnknown,
  SageRateLimited,
  SageRefused,
  SageUnauthorized,
  SageUnreachable,
} from '../../src/clients/sage-banking/errors.js';
import { LimiterSaturated } from '../../src/db/rate-limiter.js';
import { createPool } from '../../src/db/pool.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(async () => {
  await database.drop();
});

const operation = 'createOtp' as const;
const provider = { errorType: 'T', errorMessage: 'provider message', jobId: undefined };
const ofSage = { operation: 'readTransactions' as const };
const sageRefusal = (httpStatus: number) => ({
  httpStatus,
  errorCode: 'someCode',
  errorMessage: 'provider message',
  fields: [{ field: 'company.name', reason: 'provider message' }],
});
const refusal = (errorCode: string | null) =>
  new RutterRefused({ operation, httpStatus: 400, errorCode, ...provider });

describe('the mapping from errors to failures', () => {
  type Case = [string, unknown, { type: string; nonRetryable: boolean; nextRetryDelay?: number }];
  const cases: Case[] = [
    [
      'Rutter unreachable',
      new RutterUnreachable({ operation, code: 'ECONNREFUSED' }),
      retried('ProviderUnavailable'),
    ],
    [
      'outcome unknown',
      new RutterOutcomeUnknown({ operation, reason: 'timeout' }),
      retried('ProviderUnavailable'),
    ],
    [
      'rate limited',
      new RutterRateLimited({
        operation,
        httpStatus: 429,
        errorCode: null,
        platform: false,
        retryAfterMs: 7_000,
        ...provider,
      }),
      { ...retried('RateLimited'), nextRetryDelay: 7_000 },
    ],
    [
      'limiter saturated',
      new LimiterSaturated('delivery', 900.2),
      { ...retried('RateLimited'), nextRetryDelay: 901 },
    ],
    ['refused', refusal('INVALID_INPUT'), final('Refused')],
    ['needs its customer', refusal('NEEDS_UPDATE'), final('ConnectionRefused')],
    ['disabled', refusal('CONNECTION_DISABLED'), final('ConnectionRefused')],
    ['first sync unfinished', refusal('PRODUCT_NOT_READY'), retried('ProviderUnavailable')],
    [
      'a refused token',
      new RutterUnauthorized({ operation, httpStatus: 401, errorCode: null, ...provider }),
      final('ConnectionRefused'),
    ],
    [
      'our credentials rejected',
      new RutterUnauthorized({
        operation: 'createConnection',
        httpStatus: 401,
        errorCode: null,
        ...provider,
      }),
      final('CredentialsRejected'),
    ],
    [
      'our credentials rejected by the probe',
      new CredentialsRejected(new Error()),
      final('CredentialsRejected'),
    ],
    [
      'an unexpected answer',
      new RutterUnexpectedAnswer({ operation, httpStatus: 200, reason: 'unexpected_shape' }),
      retried('Unexpected'),
    ],
    [
      'Sage unreachable',
      new SageUnreachable({ ...ofSage, code: 'ECONNREFUSED' }),
      retried('ProviderUnavailable'),
    ],
    [
      'no answer of Sage',
      new SageOutcomeUnknown({ ...ofSage, reason: 'timeout' }),
      retried('ProviderUnavailable'),
    ],
    [
      'an unexpected answer of Sage',
      new SageOutcomeUnknown({ ...ofSage, reason: 'unexpected_shape', httpStatus: 200 }),
      retried('ProviderUnavailable'),
    ],
    [
      'rate limited by Sage',
      new SageRateLimited({ ...ofSage, ...sageRefusal(429), retryAfterMs: 7_000 }),
      { ...retried('RateLimited'), nextRetryDelay: 7_000 },
    ],
    ['refused by Sage', new SageRefused({ ...ofSage, ...sageRefusal(409) }), final('Refused')],
    ['a used poll route', new SageGone({ ...ofSage, ...sageRefusal(410) }), final('Refused')],
    ['a foreign address', new SageForeignAddress({ ...ofSage, host: 'x.test' }), final('Refused')],
    [
      'a company refused by Sage',
      new SageUnauthorized({ ...ofSage, ...sageRefusal(401) }),
      final('ConnectionRefused'),
    ],
    [
      'a token refused by Sage',
      new SageUnauthorized({ operation: 'getAccessToken', ...sageRefusal(401) }),
      final('ConnectionRefused'),
    ],
    ...(['createOrganisation', 'requestToken', 'getCaptcha', 'listBanks', 'getBank'] as const).map(
      (operation): Case => [
        `our application refused by Sage at ${operation}`,
        new SageUnauthorized({ operation, ...sageRefusal(403) }),
        final('CredentialsRejected'),
      ],
    ),
    [
      'an application that is not configured',
      new SageNotConfigured({ operation: 'requestToken', variable: 'SAGE_PROVIDER' }),
      final('CredentialsRejected'),
    ],
    ['obsolete work', new Obsolete('gone'), final('Obsolete')],
    ['a bug', new TypeError('x is undefined'), retried('Unexpected')],
    ['a thrown value that is no error', 'oops', retried('Unexpected')],
  ];
  for (const [name, error, expected] of cases) {
    it(`maps "${name}" to ${expected.type}, ${expected.nonRetryable ? 'final' : 'retried'}`, () => {
      expect(toFailure(error)).toMatchObject(expected);
    });
  }

  it('passes failures of Temporal and of activities on unchanged', () => {
    for (const error of [new CancelledFailure('stop'), ApplicationFailure.create({ message: 'mine' })]) {
      expect(toFailure(error)).toBe(error);
    }
  });

  it('passes on neither provider messages nor the text or cause of a foreign error', () => {
    const cause = new Error('https://x.example/?access_token=canary');
    for (const error of [
      refusal('INVALID_INPUT'),
      new Error('canary', { cause }),
      new CredentialsRejected(cause),
      new SageRefused({ ...ofSage, ...sageRefusal(400) }),
      new SageOutcomeUnknown({ ...ofSage, reason: 'server_error', detail: 'provider message' }),
    ]) {
      const failure = toFailure(error);
      const details = failure instanceof ApplicationFailure ? failure.details : undefined;
      expect(`${failure.message} ${JSON.stringify(details)}`).not.toMatch(/canary|provider message/);
      expect(failure.cause).toBeUndefined();
    }
  });
});

describe('an unavailable database', () => {
  it('is distinguished from a wrong statement when the server ends the connection', async () => {
    const client = new pg.Client({ connectionString: database.url });
    client.on('error', () => undefined);
    await client.connect();
    const end = client
      .query('SELECT pg_terminate_backend(pg_backend_pid())')
      .catch((error: unknown) => error);
    expect(isDatabaseUnavailable(await end)).toBe(true);
    expect(isDatabaseUnavailable(await client.query('SELECT 1').catch((error: unknown) => error))).toBe(true);
  });

  it('is distinguished from a wrong statement when no server listens or answers', async () => {
    const sockets: Socket[] = [];
    const silent = createServer((socket) => sockets.push(socket)).listen(0, '127.0.0.1');
    await new Promise((resolve) => silent.once('listening', resolve));
    const { port } = silent.address() as AddressInfo;
    const waiting = new pg.Pool({ host: '127.0.0.1', port, connectionTimeoutMillis: 200 });
    expect(isDatabaseUnavailable(await waiting.query('SELECT 1').catch((error: unknown) => error))).toBe(
      true,
    );
    await waiting.end();
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => silent.close(resolve));
    const refused = new pg.Pool({ host: '127.0.0.1', port });
    expect(isDatabaseUnavailable(await refused.query('SELECT 1').catch((error: unknown) => error))).toBe(
      true,
    );
    await refused.end();
  });

  it('includes a pool whose connections are all in use', async () => {
    const pool = new pg.Pool({ connectionString: database.url, max: 1, connectionTimeoutMillis: 1_000 });
    const held = await pool.connect();
    expect(isDatabaseUnavailable(await pool.query('SELECT 1').catch((error: unknown) => error))).toBe(true);
    held.release();
    await pool.end();
  });

  it('includes a statement that timed out', async () => {
    const pool = createPool(database.url, 1, () => undefined);
    const error: unknown = await pool
      .query(`SET statement_timeout = 20; SELECT pg_sleep(5)`)
      .catch((thrown: unknown) => thrown);
    expect(isDatabaseUnavailable(error)).toBe(true);
    await pool.end();
  });

  it('does not include a refused statement', async () => {
    const pool = createPool(database.url, 1, () => undefined);
    const wrong = await pool.query('SELECT nonsense').catch((error: unknown) => error);
    expect(isDatabaseUnavailable(wrong)).toBe(false);
    await pool.end();
  });
});

describe('the interceptor', () => {
  async function run(work: () => Promise<unknown>) {
    const entries: LogEntry[] = [];
    const environment = new MockActivityEnvironment(
      {},
      {
        interceptors: [createActivityInterceptors],
        logger: new DefaultLogger('DEBUG', (entry) => entries.push(entry)),
      },
    );
    const outcome = environment.run(work).then(
      (value) => ({ value }),
      (error: unknown) => ({ error }),
    );
    return { environment, outcome, entries };
  }

  it('turns a typed error into its failure and logs it once, without the provider message', async () => {
    const { outcome, entries } = await run(() => Promise.reject(refusal('INVALID_INPUT')));
    expect(await outcome).toMatchObject({ error: { type: 'Refused', nonRetryable: true } });
    const ours = entries.filter((entry) => entry.message === 'activity attempt failed');
    expect(ours).toHaveLength(1);
    expect(ours[0]?.meta).toMatchObject({
      failureType: 'Refused',
      errorCode: 'INVALID_INPUT',
      httpStatus: 400,
    });
    expect(JSON.stringify(ours[0]?.meta)).not.toContain('provider message');
  });

  it('reports a call that a cancellation aborted as cancelled, not as a failure of Rutter', async () => {
    const { environment, outcome } = await run(
      () =>
        new Promise((_, reject) => {
          setTimeout(() => {
            environment.cancel();
            reject(new RutterOutcomeUnknown({ operation, reason: 'aborted' }));
          }, 10);
        }),
    );
    expect(await outcome).toMatchObject({ error: { name: 'CancelledFailure' } });
  });

  it('returns a result unchanged', async () => {
    const result = { deliveredCount: 3 };
    const { outcome } = await run(() => Promise.resolve(result));
    expect(await outcome).toEqual({ value: result });
  });
});

function retried(type: string) {
  return { type, nonRetryable: false };
}

function final(type: string) {
  return { type, nonRetryable: true };
}
