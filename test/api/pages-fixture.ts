import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import { createApp } from '../../src/api/app.js';
import { createApiChannels } from '../../src/api/channels.js';
import { sha256Hex } from '../../src/crypto/hash.js';
import { createKeyEntry, parseKeyring } from '../../src/crypto/keyring.js';
import type { Keyring } from '../../src/crypto/keyring.js';
import { createPasswordHasher } from '../../src/crypto/password.js';
import type { PasswordHasher } from '../../src/crypto/password.js';
import { open, seal } from '../../src/crypto/seal.js';
import { createPool } from '../../src/db/pool.js';
import type { Pool } from '../../src/db/pool.js';
import { createPagesChannels } from '../../src/pages/channels.js';
import { createPages } from '../../src/pages/index.js';
import type { PagesConfig } from '../../src/pages/index.js';
import type { WorkflowFacade } from '../../src/temporal/facade.js';
import type { RutterFacade } from '../../src/temporal/rutter/facade.js';
import { createTestDatabase } from '../support/database.js';

export const linkOrigin = 'https://link.rutterapi.com';
export const password = 'correct horse battery staple';
export const coreToken = `core-${randomBytes(24).toString('hex')}`;
export const opsToken = `ops-${randomBytes(24).toString('hex')}`;

/** One call that the pages made to the workflows. */
export interface FacadeCall {
  readonly name: keyof (WorkflowFacade & RutterFacade);
  readonly input: unknown;
}

/** Records calls; a test may define what happens when the workflow receives the choice, or let calls fail. */
export interface RecordingFacade extends WorkflowFacade, RutterFacade {
  readonly calls: FacadeCall[];
  onAccountsShared: (handoffId: string) => Promise<boolean>;
  fail: Error | undefined;
}

export interface PagesFixture {
  readonly url: string;
  readonly port: number;
  readonly pool: Pool;
  readonly keyring: Keyring;
  readonly facade: RecordingFacade;
  /** Every log line, as written. */
  readonly logLines: string[];
  stop(): Promise<void>;
}

/** The pages in the whole application, with fakes for the workflows alone, on a port of 127.0.0.1, with a database of their own. */
export async function startPages(
  input: { config?: Partial<PagesConfig>; hasher?: PasswordHasher; trustedProxies?: string[] } = {},
): Promise<PagesFixture> {
  const database = await createTestDatabase();
  const pool = createPool(database.url, 10, () => undefined);
  const parsed = parseKeyring(createKeyEntry('test'));
  if (!parsed.ok) throw new Error('no keyring');
  const facade = recordingFacade();
  const logLines: string[] = [];
  const logger = pino({ level: 'trace' }, { write: (line: string) => logLines.push(line) });
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const parts = {
    pool,
    facade,
    keyring: parsed.keyring,
    logger,
    hasher: input.hasher ?? createPasswordHasher({ concurrencyMax: 2, queueMax: 1_000 }),
    config: {
      publicUrl: `http://localhost:${String(port)}`,
      RUTTER_REDIRECT_ORIGINS: [linkOrigin],
      SAGE_FRAME_ANCESTORS: ['https://*.sage.com'],
      TEMPORAL_UI_URL: 'http://localhost:8233',
      CORE_API_TOKEN: coreToken,
      OPS_API_TOKEN: opsToken,
      TRUSTED_PROXIES: input.trustedProxies ?? [],
      SIGN_CHECK: 'reject' as const,
      ...input.config,
    },
  };
  const channels = createApiChannels({ rutter: { facade, verifyWebhook: () => false }, sageBanking: null });
  const pages = createPages({
    ...parts,
    channels: createPagesChannels({ rutter: { facade }, sageBanking: null }),
  });
  const { app } = createApp({
    ...parts,
    readLogState: () => ({ droppedTotal: 0, failure: null }),
    availability: [],
    readDegraded: () => [],
    channels,
    pages,
  });
  server.on('request', app);
  return {
    url: `http://localhost:${String(port)}`,
    port,
    pool,
    keyring: parsed.keyring,
    facade,
    logLines,
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await pool.end();
      await database.drop();
    },
  };
}

function recordingFacade(): RecordingFacade {
  const calls: FacadeCall[] = [];
  const record =
    <T>(name: keyof (WorkflowFacade & RutterFacade), answer: T) =>
    async (input?: unknown): Promise<T> => {
      if (facade.fail !== undefined) throw facade.fail;
      calls.push({ name, input });
      return answer;
    };
  const facade: RecordingFacade = {
    calls,
    fail: undefined,
    onAccountsShared: async () => true,
    wakeFeed: record('wakeFeed', undefined),
    feedFactsChanged: record('feedFactsChanged', undefined),
    feedStatusReported: record('feedStatusReported', undefined),
    requestOfFeed: record('requestOfFeed', undefined),
    loginSucceeded: record('loginSucceeded', undefined),
    wakeConnection: record('wakeConnection', undefined),
    runCommand: record('runCommand', undefined),
    readNamespaceCause: record('readNamespaceCause', null),
    readTemporalFindings: record('readTemporalFindings', {
      missingSearchAttributes: [],
      queuesNotPolled: [],
    }),
    accountsShared: async (input) => {
      if (facade.fail !== undefined) throw facade.fail;
      calls.push({ name: 'accountsShared', input });
      return await facade.onAccountsShared(input.handoffId);
    },
  };
  return facade;
}

/** A customer with a local login and accounts, `[name, last four digits]` each. */
export async function addCustomer(
  { pool }: PagesFixture,
  accounts: readonly (readonly [string, string])[] = [
    ['Trading account', '5094'],
    ['Reserve', '7731'],
  ],
): Promise<{ customerId: string; username: string; accountIds: string[] }> {
  const customerId = `customer-${randomBytes(6).toString('hex')}`;
  const username = `user-${customerId}`;
  const passwordHash = await createPasswordHasher({ concurrencyMax: 1, queueMax: 1 }).hash(password);
  await pool.query(
    `INSERT INTO customers (customer_id, name, username, password_hash) VALUES ($1, 'Harbour Joinery Ltd', $2, $3)`,
    [customerId, username, passwordHash],
  );
  const accountIds: string[] = [];
  for (const [index, [name, last4]] of accounts.entries()) {
    const accountId = `${customerId}-${String(index)}`;
    accountIds.push(accountId);
    await pool.query(
      `INSERT INTO accounts (account_id, customer_id, name, type, currency, number_last4)
       VALUES ($1, $2, $3, 'bank', 'GBP', $4)`,
      [accountId, customerId, name, last4],
    );
  }
  return { customerId, username, accountIds };
}

/** A connection of the customer, with a feed that was linked in Sage unless `linked` is false. */
export async function addConnection(
  { pool, keyring }: PagesFixture,
  input: { customerId: string; accountId?: string; name?: string; linked?: boolean },
): Promise<{ connectionId: string; feedId: string | null }> {
  const connectionId = randomUUID();
  await pool.query(
    `INSERT INTO connections (connection_id, customer_id, platform, rutter_connection_id, access_token_sealed, name, link_url)
     VALUES ($1, $2, 'SAGE_BANK_FEEDS', $3, $4, $5, $6)`,
    [
      connectionId,
      input.customerId,
      randomUUID(),
      seal(keyring, randomUUID(), { table: 'connections', row: connectionId }),
      input.name ?? null,
      `${linkOrigin}/connection/${connectionId}`,
    ],
  );
  if (input.accountId === undefined) return { connectionId, feedId: null };
  const feedId = randomUUID();
  await pool.query(
    `INSERT INTO feeds (feed_id, customer_id, account_id, connection_id, rutter_account_id, account_status, state,
                        published_at, caught_up_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, now(), now())`,
    [
      feedId,
      input.customerId,
      input.accountId,
      connectionId,
      randomUUID(),
      input.linked === false ? 'waiting' : 'active',
      input.linked === false ? 'awaiting_activation' : 'live',
    ],
  );
  return { connectionId, feedId };
}

/** A new challenge, its handoff, and the link as Rutter writes it (inner query un-encoded). */
export function newChallenge(): { challenge: string; handoffId: string; link: string } {
  const challenge = randomUUID();
  const link = `/login?challenge=${challenge}&redirect_uri=${linkOrigin}/sage_redirect?challenge=${challenge}`;
  return { challenge, handoffId: sha256Hex(challenge), link };
}

/** Does what the handoff's workflow does at its end: a connection exists and the answer is stored in the row. */
export async function makeReady(
  fixture: PagesFixture,
  input: { handoffId: string; otp: string; answer?: string },
): Promise<void> {
  const { pool, keyring } = fixture;
  const context = { table: 'handoffs', row: input.handoffId };
  const { rows } = await pool.query<{ redirect_sealed: string }>(
    `SELECT redirect_sealed FROM handoffs WHERE handoff_id = $1`,
    [input.handoffId],
  );
  const redirect = open(keyring, rows[0]!.redirect_sealed, context);
  await pool.query(`UPDATE handoffs SET state = 'ready', answer_sealed = $2 WHERE handoff_id = $1`, [
    input.handoffId,
    seal(keyring, input.answer ?? `${redirect}&otp=${input.otp}`, context),
  ]);
}

/** A browser as far as HTTP goes: cookies of its own, no redirect followed. */
export interface Visitor {
  get(path: string, headers?: Record<string, string>): Promise<PageAnswer>;
  post(
    path: string,
    fields: Record<string, string | string[]>,
    headers?: Record<string, string>,
  ): Promise<PageAnswer>;
  readonly cookies: Map<string, string>;
}

export interface PageAnswer {
  readonly status: number;
  readonly text: string;
  readonly location: string | null;
  readonly headers: Headers;
  /** The hidden token of the page's form; '' without one. */
  readonly formToken: string;
}

export function newVisitor(fixture: { url: string }, fetchPage: typeof fetch = fetch): Visitor {
  const cookies = new Map<string, string>();
  const send = async (
    path: string,
    init: { method?: string; body?: URLSearchParams; headers: Record<string, string> },
  ) => {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const headers = { ...(cookie === '' ? {} : { cookie }), ...init.headers };
    const response = await fetchPage(new URL(path, fixture.url), { ...init, headers, redirect: 'manual' });
    for (const line of response.headers.getSetCookie()) {
      const [pair = ''] = line.split(';');
      cookies.set(pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1));
    }
    const text = await response.text();
    return {
      status: response.status,
      text,
      location: response.headers.get('location'),
      headers: response.headers,
      formToken: /name="form_token" value="([^"]*)"/.exec(text)?.[1] ?? '',
    };
  };
  return {
    cookies,
    get: (path, headers = {}) => send(path, { headers }),
    post: (path, fields, headers = {}) => {
      const body = new URLSearchParams();
      for (const [name, value] of Object.entries(fields)) {
        for (const item of Array.isArray(value) ? value : [value]) body.append(name, item);
      }
      return send(path, { method: 'POST', body, headers });
    },
  };
}

/** Arrives by the link and opens the sign-in form. */
export async function arriveAt(visitor: Visitor, link: string): Promise<PageAnswer & { path: string }> {
  const arrival = await visitor.get(link);
  if (arrival.status !== 303 || arrival.location === null) {
    throw new Error(`the link was answered ${String(arrival.status)}: ${arrival.text}`);
  }
  const form = await visitor.get(arrival.location);
  return { ...form, path: arrival.location };
}

/** Arrives, signs in and opens the accounts page. */
export async function signInAt(
  visitor: Visitor,
  link: string,
  username: string,
): Promise<PageAnswer & { path: string }> {
  const form = await arriveAt(visitor, link);
  const signedIn = await visitor.post(form.path, { form_token: form.formToken, username, password });
  if (signedIn.status !== 303 || signedIn.location === null) {
    throw new Error(`signing in was answered ${String(signedIn.status)}: ${signedIn.text}`);
  }
  const accounts = await visitor.get(signedIn.location);
  return { ...accounts, path: signedIn.location };
}
