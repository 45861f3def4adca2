import { randomUUID } from 'node:crypto';
import type { Knobs } from '../../../sandbox/rutter/assumptions.js';
import { startRutterSandbox, type SandboxOptions } from '../../../sandbox/rutter/server.js';

export const CLIENT_ID = 'rc_test';
export const CLIENT_SECRET = 'rs_test_7c1d94e2b0a84f4f';
export const TRANSACTIONS = '/accounting/bank_feeds/transactions';
export const ACCOUNTS = '/accounting/bank_feeds/accounts';
export const OTP = '/accounting/bank_feeds/otp';

export interface ShownTransaction {
  id: string;
  transaction_id: string;
  transaction_type: string;
  memo: string | null;
  duplicate: boolean;
}

export interface ShownConnection {
  id: string;
  access_token: string;
  name: string | null;
}

export interface Finding {
  rule: string;
}

/** All fields that tests read; reading a missing one fails the test. */
export interface ReplyBody {
  error_type: string;
  error_code: string;
  error_message: string;
  connection: ShownConnection;
  connections: ShownConnection[];
  new_access_token: string;
  access_token: string;
  platform: string;
  bank_feed_account: { id: string; feed_status: string };
  bank_feed_accounts: unknown[];
  bank_feed_otp: { otp: string; redirect_uri: string | null };
  bank_feed_transaction: ShownTransaction;
  bank_feed_transactions: ShownTransaction[];
  async_response: { id: string; status: string; response_url: string };
  next_cursor: string | null;
  status: string;
  request: unknown;
  code: string;
  events: unknown[];
  /** The fields below belong to the control endpoints. */
  error: string;
  public_token: string;
  challenge: string;
  redirect_uri: string;
  login_query: string;
  linked: boolean;
  violations: Finding[];
  resent: Finding[];
  notes: Finding[];
  accounts: { batches: unknown[]; transactions: { transaction_id: string }[] }[];
  jobs: unknown[];
  requests: { path: string; faults: string[] }[];
  deliveries: { attempts: number[] }[];
}

export interface Reply {
  status: number;
  headers: Headers;
  text: string;
  /** Undefined, in spite of the type, if the text is not JSON. */
  body: ReplyBody;
}

export interface CallOptions {
  token?: string;
  query?: Record<string, string>;
  body?: unknown;
  /** Sent as it is, instead of `body`. */
  rawBody?: string;
  /** Null sends no Idempotency-Key; by default every write has a new one. */
  key?: string | null;
  /** Null removes a header. */
  headers?: Record<string, string | null>;
  signal?: AbortSignal;
}

export interface Session {
  url: string;
  call(method: string, path: string, options?: CallOptions): Promise<Reply>;
  control(method: string, path: string, body?: unknown): Promise<Reply>;
  violations(): Promise<string[]>;
  close(): Promise<void>;
}

/** A separate sandbox, called with fetch, without the service's client. */
export async function startSession(
  knobs: Partial<Knobs> = {},
  more: Partial<SandboxOptions> = {},
): Promise<Session> {
  const options = { clientId: CLIENT_ID, clientSecret: CLIENT_SECRET, ...more };
  const sandbox = await startRutterSandbox({ ...options, knobs: { jobRunMs: 0, ...knobs } });
  return { ...sessionAt(sandbox.url), close: () => sandbox.close() };
}

/** The same for a sandbox that is already running. */
export function sessionAt(url: string): Omit<Session, 'close'> {
  const control = async (method: string, path: string, body?: unknown): Promise<Reply> => {
    const init = body === undefined ? {} : { body: JSON.stringify(body) };
    return readReply(await fetch(`${url}/_sandbox${path}`, { method, ...init }));
  };
  return {
    url,
    control,
    call: (method, path, options = {}) => call(url, method, path, options),
    violations: async () => {
      const { body } = await control('GET', '/violations');
      return body.violations.map((violation) => violation.rule);
    },
  };
}

async function call(url: string, method: string, path: string, options: CallOptions): Promise<Reply> {
  const target = new URL(`${url}/versioned${path}`);
  if (options.token !== undefined) target.searchParams.set('access_token', options.token);
  for (const [name, value] of Object.entries(options.query ?? {})) target.searchParams.set(name, value);
  const headers = new Headers({
    authorization: `Basic ${Buffer.from(`${CLIENT_ID}:${CLIENT_SECRET}`).toString('base64')}`,
    'x-rutter-version': '2024-08-31',
  });
  const key =
    options.key === undefined && (method === 'POST' || method === 'PATCH') ? randomUUID() : options.key;
  if (key != null) headers.set('idempotency-key', key);
  const body = options.rawBody ?? (options.body === undefined ? undefined : JSON.stringify(options.body));
  if (body !== undefined) headers.set('content-type', 'application/json');
  for (const [name, value] of Object.entries(options.headers ?? {})) {
    if (value === null) headers.delete(name);
    else headers.set(name, value);
  }
  const init: RequestInit = { method, headers, redirect: 'manual' };
  if (body !== undefined) init.body = body;
  if (options.signal !== undefined) init.signal = options.signal;
  return readReply(await fetch(target, init));
}

async function readReply(response: Response): Promise<Reply> {
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, body: parse(text) as ReplyBody };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export interface TestConnection {
  id: string;
  token: string;
}

export async function makeConnection(session: Omit<Session, 'close'>): Promise<TestConnection> {
  const reply = await session.call('POST', '/connections/create', { body: { platform: 'SAGE_BANK_FEEDS' } });
  return { id: reply.body.connection.id, token: reply.body.connection.access_token };
}

/** The minimum that Sage accepts. */
export function accountBody(more: Record<string, unknown> = {}) {
  return {
    bank_feed_account: {
      internal_bank_account_id: 'acc-7731',
      bank_account_type: 'bank',
      currency_code: 'GBP',
      name: 'Trading account',
      ...more,
    },
  };
}

export async function makeAccount(session: Omit<Session, 'close'>, token: string): Promise<string> {
  const reply = await session.call('POST', ACCOUNTS, { token, body: accountBody() });
  return reply.body.bank_feed_account.id;
}

export interface ReadyFeed extends TestConnection {
  accountId: string;
}

/** A connection with one account that the customer has chosen in Sage, from 2026 on. */
export async function makeReadyFeed(session: Omit<Session, 'close'>): Promise<ReadyFeed> {
  const connection = await makeConnection(session);
  const accountId = await makeAccount(session, connection.token);
  await session.control('POST', `/accounts/${accountId}/select`, {
    transaction_start_date: '2026-01-01T00:00:00Z',
  });
  return { ...connection, accountId };
}

/** `tx-<number>`, a second apart, money out. */
export function transaction(number: number, more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    transaction_id: `tx-${number}`,
    posted_at: new Date(Date.UTC(2026, 1, 2) + number * 1_000).toISOString(),
    amount: -84.15,
    description: 'CARD 4471 FUEL STOP',
    transaction_type: 'debit',
    debit_credit_memo: 'DEBIT',
    payee: 'Fuel Stop',
    ...more,
  };
}

export function batch(accountId: string, transactions: unknown[], more: Record<string, unknown> = {}) {
  return { ...more, bank_feed_transactions: { bank_feed_account_id: accountId, transactions } };
}

/** transaction_ids of the sandbox's book, in the order of acceptance. */
export async function bookedIds(session: Omit<Session, 'close'>, accountId: string): Promise<string[]> {
  const { body } = await session.control('GET', `/book?account_id=${accountId}`);
  return body.accounts[0]!.transactions.map((item) => item.transaction_id);
}
