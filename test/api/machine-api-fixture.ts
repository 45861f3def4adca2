import { randomBytes, randomUUID } from 'node:crypto';
import { pino } from 'pino';
import { verifyRutterSignature } from '../../src/clients/rutter/webhook-signature.js';
import { createApp } from '../../src/api/app.js';
import { createApiChannels } from '../../src/api/channels.js';
import type { Route } from '../../src/api/define-route.js';
import { listen } from '../../src/api/listen.js';
import { createRoutes } from '../../src/api/routes/index.js';
import { createKeyEntry, parseKeyring, type Keyring } from '../../src/crypto/keyring.js';
import { createPasswordHasher, type PasswordHasher } from '../../src/crypto/password.js';
import { createPool, type Pool } from '../../src/db/pool.js';
import type { SignCheck } from '../../src/domain/transaction-type.js';
import type { WorkflowFacade } from '../../src/temporal/facade.js';
import type { RutterFacade } from '../../src/temporal/rutter/facade.js';
import { createTestDatabase } from '../support/database.js';

export const tokens = {
  core: `core-${randomBytes(24).toString('hex')}`,
  ops: `ops-${randomBytes(24).toString('hex')}`,
};
export const webhookSecret = 'rs_test_7c1d94e2b0a84f4f';

export interface FacadeCall {
  readonly name: keyof (WorkflowFacade & RutterFacade);
  readonly input: unknown;
}

/** Records what the API asked of the workflows; a test may let something happen then, or let it fail. */
export interface RecordingFacade extends WorkflowFacade, RutterFacade {
  readonly calls: FacadeCall[];
  /** Runs with each call, before it is answered. */
  onCall: (call: FacadeCall) => Promise<void>;
}

/** What tests read of answers, whichever it is; a test that reads what is not there fails. */
interface AnswerBody extends Record<string, unknown> {
  code: string;
  detail: string;
  request_id: string;
  command_id: string;
  errors: { pointer: string; message: string }[];
  rejected: { index: number }[];
  conflicts: { code: string }[];
  feeds: { feed_id: string }[];
  next_cursor: string | null;
}

export interface ApiAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body as JSON; undefined when it is none. */
  readonly body: AnswerBody;
}

export interface CallOptions {
  readonly role?: 'core' | 'ops' | 'none';
  readonly json?: unknown;
  readonly raw?: string | Uint8Array | ReadableStream<Uint8Array>;
  readonly headers?: Record<string, string>;
}

export interface ApiFixture {
  readonly url: string;
  readonly routes: readonly Route[];
  readonly pool: Pool;
  readonly databaseUrl: string;
  readonly keyring: Keyring;
  readonly facade: RecordingFacade;
  readonly logLines: string[];
  readonly drained: () => Promise<void>;
  call(method: string, path: string, options?: CallOptions): Promise<ApiAnswer>;
  /** A customer with an account, over the API. */
  makeAccount(input?: { currency?: string }): Promise<{ customerId: string; accountId: string }>;
  /** A feed of the account in the rows, as if it had been published. */
  makeFeed(input: { customerId: string; accountId: string } & Record<string, unknown>): Promise<string>;
  rows<Row = Record<string, unknown>>(sql: string, values?: unknown[]): Promise<Row[]>;
  stop(): Promise<void>;
}

/** The machine API over real HTTP on a database of its own (or none, for outages); only Temporal is a recording fake. */
export async function startApi(
  input: {
    hasher?: PasswordHasher;
    databaseUrl?: string;
    /** What is put before the database, such as a pooler: answers its address. */
    reach?: (databaseUrl: string) => Promise<string>;
    signCheck?: SignCheck;
    bankTimeZone?: string;
  } = {},
): Promise<ApiFixture> {
  const database = await createTestDatabase();
  const reached = input.reach === undefined ? database.url : await input.reach(database.url);
  const pool = createPool(input.databaseUrl ?? reached, 10, () => undefined);
  const parsed = parseKeyring(createKeyEntry('test'));
  if (!parsed.ok) throw new Error('no keyring');
  const facade = recordingFacade();
  const logLines: string[] = [];
  const channels = createApiChannels({
    rutter: {
      facade,
      verifyWebhook: ({ rawBody, header }) =>
        verifyRutterSignature({ rawBody, header, secrets: [webhookSecret] }),
    },
    sageBanking: null,
  });
  const { app, drained } = createApp({
    pool,
    facade,
    keyring: parsed.keyring,
    logger: pino({ level: 'trace' }, { write: (line: string) => logLines.push(line) }),
    readLogState: () => ({ droppedTotal: 0, failure: null }),
    availability: [],
    readDegraded: () => [],
    hasher: input.hasher ?? createPasswordHasher({ concurrencyMax: 2, queueMax: 16 }),
    config: {
      CORE_API_TOKEN: tokens.core,
      OPS_API_TOKEN: tokens.ops,
      TRUSTED_PROXIES: [],
      SIGN_CHECK: input.signCheck ?? 'reject',
      BANK_TIME_ZONE: input.bankTimeZone,
      publicUrl: 'http://localhost:8080',
    },
    channels,
  });
  const server = await listen({ app, port: 0 });
  const url = `http://127.0.0.1:${server.port}`;
  const call = (method: string, path: string, options: CallOptions = {}) =>
    callApi(url, method, path, options);
  return {
    url,
    routes: createRoutes(channels),
    pool,
    databaseUrl: database.url,
    keyring: parsed.keyring,
    facade,
    logLines,
    drained,
    call,
    makeAccount: (wanted = {}) => makeAccount(call, wanted.currency ?? 'EUR'),
    makeFeed: (wanted) => makeFeed(pool, wanted),
    rows: async <Row>(sql: string, values: unknown[] = []) => (await pool.query(sql, values)).rows as Row[],
    stop: async () => {
      await server.close();
      await drained();
      await pool.end();
      await database.drop();
    },
  };
}

function recordingFacade(): RecordingFacade {
  const calls: FacadeCall[] = [];
  const record = (name: keyof (WorkflowFacade & RutterFacade)) => async (input: unknown) => {
    const call = { name, input };
    calls.push(call);
    await facade.onCall(call);
  };
  const facade: RecordingFacade = {
    calls,
    onCall: () => Promise.resolve(),
    wakeFeed: record('wakeFeed'),
    feedFactsChanged: record('feedFactsChanged'),
    feedStatusReported: record('feedStatusReported'),
    requestOfFeed: record('requestOfFeed'),
    loginSucceeded: record('loginSucceeded'),
    accountsShared: async (input) => {
      await record('accountsShared')(input);
      return true;
    },
    wakeConnection: record('wakeConnection'),
    runCommand: record('runCommand'),
    readNamespaceCause: async () => {
      try {
        await record('readNamespaceCause')({});
        return null;
      } catch (error) {
        return { code: 'UNAVAILABLE', text: String(error) };
      }
    },
    readTemporalFindings: async () => {
      await record('readTemporalFindings')({});
      return { missingSearchAttributes: [], queuesNotPolled: [] };
    },
  };
  return facade;
}

async function callApi(url: string, method: string, path: string, options: CallOptions): Promise<ApiAnswer> {
  const role = options.role ?? 'core';
  const body = options.json === undefined ? options.raw : JSON.stringify(options.json);
  const response = await fetch(url + path, {
    method,
    headers: {
      ...(role === 'none' ? {} : { Authorization: `Bearer ${tokens[role]}` }),
      ...(options.json === undefined ? {} : { 'Content-Type': 'application/json' }),
      ...options.headers,
    },
    ...(body === undefined ? {} : { body }),
    ...(body instanceof ReadableStream ? { duplex: 'half' } : {}),
  });
  const text = await response.text();
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    parsed = undefined;
  }
  return { status: response.status, headers: response.headers, text, body: parsed as AnswerBody };
}

async function makeAccount(call: ApiFixture['call'], currency: string) {
  const customerId = `customer-${randomUUID()}`;
  const accountId = `account-${randomUUID()}`;
  await call('PUT', `/v1/customers/${customerId}`, { json: { name: 'A bakery' } });
  const answer = await call('PUT', `/v1/customers/${customerId}/accounts/${accountId}`, {
    json: { name: 'Current', type: 'bank', currency },
  });
  if (answer.status !== 201) throw new Error(`the account was not made: ${answer.text}`);
  return { customerId, accountId };
}

/** Further columns of `feeds` come by their names. */
async function makeFeed(
  pool: Pool,
  input: { customerId: string; accountId: string } & Record<string, unknown>,
): Promise<string> {
  const { customerId, accountId, ...columns } = input;
  const connectionId = randomUUID();
  const feedId = randomUUID();
  await pool.query(
    `INSERT INTO connections (connection_id, customer_id, platform, rutter_connection_id, access_token_sealed)
     VALUES ($1, $2, 'SAGE_BANK_FEEDS', $3, 'sealed')`,
    [connectionId, customerId, `rutter-${connectionId}`],
  );
  await pool.query(
    `INSERT INTO feeds (feed_id, customer_id, account_id, connection_id, published_at) VALUES ($1, $2, $3, $4, now())`,
    [feedId, customerId, accountId, connectionId],
  );
  for (const [name, value] of Object.entries(columns)) {
    await pool.query(`UPDATE feeds SET ${name} = $2 WHERE feed_id = $1`, [feedId, value]);
  }
  return feedId;
}

/** A good transaction of the machine API. */
/** A valid transaction; its type follows the sign of its amount. */
export function transaction(id: string, change: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    transaction_id: id,
    posted_at: '2026-02-03T09:14:07Z',
    amount: '-12.50',
    description: 'Card payment',
    transaction_type: Number(change['amount']) > 0 ? 'credit' : 'debit',
    ...change,
  };
}
