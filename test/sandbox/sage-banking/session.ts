import { createHmac, randomUUID } from 'node:crypto';
import type { Knobs } from '../../../sandbox/sage-banking/assumptions.js';
import type { SageBankingOptions } from '../../../sandbox/sage-banking/sandbox.js';
import { bankPassword, bankUsername, harbourBank } from '../../../sandbox/sage-banking/seed-banks.js';
import { startSageBankingSandbox } from '../../../sandbox/sage-banking/server.js';

export const application = 'Sage.UK.Ledger';
export const SIGNING_KEY = 'sk_test_2f6b8c1e90d74a55';
export const DESKTOP = 'Sage.UK.Desk';
export const consumer = '/api/v1';
export const startDate = '2024-01-01T00:00:00Z';

export interface Reply {
  status: number;
  headers: Headers;
  text: string;
  /** Undefined when the text is not JSON. */
  // oxlint-disable-next-line typescript/no-explicit-any -- every answer has another shape: reading a missing field fails the test
  body: any;
}

export interface CallOptions {
  token?: string;
  body?: unknown;
  /** Sent as it is, instead of `body`. */
  rawBody?: string;
  /** Null removes a header. */
  headers?: Record<string, string | null>;
  signal?: AbortSignal;
}

export interface Company {
  organisationId: string;
  companyId: string;
  signingKey: string;
  /** A JWT of the company. */
  token: string;
  /** Path of the company. */
  path: string;
}

export interface Session {
  url: string;
  /** `path` from the root, or a whole URL. */
  call(method: string, path: string, options?: CallOptions): Promise<Reply>;
  control(method: string, path: string, body?: unknown): Promise<Reply>;
  advance(ms: number): Promise<void>;
  violations(): Promise<string[]>;
  notes(): Promise<string[]>;
}

export interface OwnSession extends Session {
  close(): Promise<void>;
}

export const APPLICATIONS = [
  { id: application, signingKey: SIGNING_KEY },
  { id: DESKTOP, desktop: true, provider: 'ledger.desk' },
];

/** A separate sandbox, called with fetch, without the service's client. */
export async function startSession(
  knobs: Partial<Knobs> = {},
  more: Partial<SageBankingOptions> = {},
): Promise<OwnSession> {
  const sandbox = await startSageBankingSandbox({ applications: APPLICATIONS, ...more, knobs });
  return { ...sessionAt(sandbox.url), close: () => sandbox.close() };
}

/** The same for a sandbox that is already running. */
export function sessionAt(url: string): Session {
  const control = async (method: string, path: string, body?: unknown): Promise<Reply> => {
    const init = body === undefined ? {} : { body: JSON.stringify(body) };
    const reply = await readReply(await fetch(`${url}/_sandbox${path}`, { method, ...init }));
    return reply;
  };
  const findings = async (kind: 'violations' | 'notes'): Promise<string[]> => {
    const { body } = await control('GET', '/violations');
    const found: { rule: string }[] = body[kind];
    return found.map((finding) => finding.rule);
  };
  return {
    url,
    control,
    call: (method, path, options = {}) => call(new URL(path, url), method, options),
    advance: async (ms) => {
      await control('POST', '/clock', { advance_ms: ms });
    },
    violations: () => findings('violations'),
    notes: () => findings('notes'),
  };
}

async function call(target: URL, method: string, options: CallOptions): Promise<Reply> {
  const headers = new Headers({ 'x-application': application });
  if (options.token !== undefined) headers.set('authorization', `Bearer ${options.token}`);
  const body = options.rawBody ?? (options.body === undefined ? undefined : JSON.stringify(options.body));
  if (body !== undefined) headers.set('content-type', 'application/json');
  for (const [name, value] of Object.entries(options.headers ?? {})) {
    if (value === null) headers.delete(name);
    else headers.set(name, value);
  }
  const response = await fetch(target, {
    method,
    headers,
    redirect: 'manual',
    ...(body === undefined ? {} : { body }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  return readReply(response);
}

async function readReply(response: Response): Promise<Reply> {
  const text = await response.text();
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    body = undefined;
  }
  return { status: response.status, headers: response.headers, text, body };
}

/**
 * Headers of a signed call, implemented from the contract, independently of the sandbox's code (contract 2.1).
 */
export function signed(
  method: string,
  url: string,
  key: string,
  body = '',
  nonce: string = randomUUID(),
): Record<string, string> {
  const encode = (text: string): string =>
    [...Buffer.from(text)]
      .map((byte) => {
        const character = String.fromCharCode(byte);
        const code = byte.toString(16).toUpperCase().padStart(2, '0');
        return /[A-Za-z0-9._~-]/.test(character) ? character : `%${code}`;
      })
      .join('');
  const { origin, pathname, searchParams } = new URL(url);
  const pairs = [...searchParams].map(([name, value]) => `${name}=${encode(value)}`);
  if (body !== '') pairs.push(`body=${encode(Buffer.from(body).toString('base64'))}`);
  const parts = [
    method,
    encode((origin + pathname).toLowerCase()),
    encode(pairs.sort().join('&')),
    encode(nonce),
  ];
  const signature = createHmac('sha1', `${key}&null`).update(parts.join('&')).digest('base64');
  return { 'x-nonce': nonce, 'x-signature': signature };
}

export const companyFields = {
  company: { name: 'Northgate Trading', postalCode: 'NE1 4ST', languageCode: 'en-GB' },
  crmId: '40021',
};

/** A cloud product's organisation with its company and a token. */
export async function onboard(session: Session): Promise<Company> {
  const body = JSON.stringify(companyFields);
  const path = `${consumer}/organisations`;
  const headers = signed('POST', `${session.url}${path}`, SIGNING_KEY, body);
  const reply = await session.call('POST', path, { rawBody: body, headers });
  const { organisationId, companies, token: signingKey } = reply.body;
  const company = { organisationId, companyId: companies[0], signingKey };
  return {
    ...company,
    token: await fetchToken(session, company),
    path: `${consumer}/organisations/${organisationId}/companies/${companies[0]}`,
  };
}

/** A token of the company, or without its id of the organisation. */
export async function fetchToken(
  session: Session,
  { organisationId, companyId, signingKey }: Partial<Company>,
): Promise<string> {
  const path = `${consumer}/accesstoken`;
  const headers = {
    ...signed('GET', `${session.url}${path}`, signingKey!),
    'x-organisation-id': organisationId!,
    ...(companyId === undefined ? {} : { 'x-company-id': companyId }),
  };
  const reply = await session.call('GET', path, { headers });
  return reply.body.jwt;
}

export interface StartedLink {
  id: string;
  redirect: string;
  pollRoute: string;
  pollPeriod: number;
}

export async function startLink(
  session: Session,
  company: Company,
  bankId = harbourBank,
): Promise<StartedLink> {
  const path = `${company.path}/indirectlinkaccount?bankId=${bankId}&web=true`;
  const { body } = await session.call('GET', path, { token: company.token });
  return { ...body, id: new URL(body.redirect).searchParams.get('authorisation_id') };
}

/** Calls a poll route, without headers. */
export function poll(session: Session, pollRoute: string): Promise<Reply> {
  return session.call('GET', pollRoute, { headers: { 'x-application': null } });
}

/** Links an account through the bank's control endpoint. @returns the answer of the poll */
export async function linkAccount(session: Session, company: Company, account?: string) {
  const link = await startLink(session, company);
  await session.control('POST', `/links/${link.id}/finish`, account === undefined ? {} : { account });
  const { body } = await poll(session, link.pollRoute);
  return body.account;
}

export function accountBody(account: Record<string, unknown>, more: Record<string, unknown> = {}) {
  const { accountName, accountKey, accountIdentifier, bankIdentifier } = account;
  return {
    bankId: harbourBank,
    accountName,
    accountKey,
    accountIdentifier,
    bankIdentifier,
    accountType: 'DEBIT',
    defaultCurrency: 'EUR',
    requestedStartDate: startDate,
    ...more,
  };
}

export interface LinkedAccount {
  id: string;
  path: string;
}

/** A pending account of an indirect bank. */
export async function makeAccount(
  session: Session,
  company: Company,
  account?: string,
): Promise<LinkedAccount> {
  const linked = await linkAccount(session, company, account);
  const path = `${company.path}/bankaccounts`;
  const { body } = await session.call('POST', path, { token: company.token, body: accountBody(linked) });
  return { id: body.bankAccountId, path: `${path}/${body.bankAccountId}` };
}

/** The provider posts a statement with these transactions; other fields have defaults. */
export function fill(
  session: Session,
  account: LinkedAccount,
  transactions: unknown[],
  more = {},
): Promise<Reply> {
  return session.control('POST', `/accounts/${account.id}/transactions`, { transactions, ...more });
}

/** `count` transactions, posted at one instant. */
export function someTransactions(count: number, prefix = 'tx'): Record<string, unknown>[] {
  return Array.from({ length: count }, (_, index) => ({
    uniqueId: `${prefix}-${index + 1}`,
    transactionAmount: -1 - index,
    datePosted: '2024-03-05',
    narrative1: `CARD ${index + 1}`,
  }));
}

export async function readTransactions(
  session: Session,
  company: Company,
  account: LinkedAccount,
  query = '',
): Promise<Reply> {
  return session.call('GET', `${account.path}/transactions${query}`, { token: company.token });
}

export function rule(
  conditions: [field: string, operation: string, criteria: string][],
  more: Record<string, unknown> = {},
): Record<string, unknown> {
  return {
    ruleName: `Rule ${randomUUID()}`,
    ruleConditions: conditions.map(([ruleField, ruleOperation, ruleCriteria]) => ({
      ruleField,
      ruleOperation,
      ruleCriteria,
    })),
    ruleActions: [split(100)],
    ...more,
  };
}

export function split(splitPercentage: number): Record<string, unknown> {
  return {
    splitPercentage,
    accountantNarrative: 'Energy',
    accountsPostings: [
      { type: 'nominal', code: '7200' },
      { type: 'tax', code: 'T1' },
    ],
  };
}

export function makeRule(
  session: Session,
  company: Company,
  account: LinkedAccount,
  body: unknown,
): Promise<Reply> {
  return session.call('POST', `${account.path}/rules`, { token: company.token, body });
}

/** Submits a form of the bank's pages like a browser; the answer is a page or the redirect back. */
export async function submit(
  page: string,
  action: string,
  fields: Record<string, string>,
): Promise<Response> {
  const { origin, searchParams } = new URL(page);
  const form = new URLSearchParams({
    authorisation_id: searchParams.get('authorisation_id') ?? '',
    state: searchParams.get('state') ?? '',
    ...fields,
  });
  return fetch(`${origin}${action}`, { method: 'POST', body: form, redirect: 'manual' });
}

export function signInAtBank(page: string, password = bankPassword): Promise<Response> {
  return submit(page, '/bank/sign-in', { username: bankUsername, password });
}
