import { hkdfSync, randomBytes } from 'node:crypto';
import connectPgSimple from 'connect-pg-simple';
import type { Request, RequestHandler } from 'express';
import session from 'express-session';
import type { Keyring } from '../crypto/keyring.js';
import type { Pool } from '../db/pool.js';
import type { Logger } from '../logger.js';
import type { PagesConfig } from './deps.js';

/** What a browser does in one handoff. It ends with the handoff, whatever else the session holds. */
export interface Visit {
  readonly formToken: string;
  readonly endsAtMs: number;
  /** Set once the customer has signed in for this handoff. */
  readonly customerId?: string;
}

/** Somebody who is signed in: a customer on /status, or an operator. */
export interface SignedIn {
  readonly formToken: string;
  readonly sinceMs: number;
}

declare module 'express-session' {
  interface SessionData {
    /** By handoff id (hex), never by challenge. */
    visits: Record<string, Visit>;
    customer: SignedIn & { readonly customerId: string };
    operator: SignedIn;
    /** Token of a sign-in form that is shown outside a handoff. */
    formToken: string;
  }
}

export const cookieNames = { customers: '__Host-bankfeeds', operators: '__Host-bankfeeds-ops' } as const;

/** Signed in for at most 12 hours, or half an hour without a request (NIST SP 800-63B, AAL2). */
export const signedInMaxMs = 12 * 60 * 60_000;
const idleMaxSeconds = 30 * 60;
/** Windows of one browser that connect a company at the same time; the oldest gives way. */
const visitsMax = 5;
const tokenBytes = 32;

/**
 * Sessions in PostgreSQL. The customers' cookie lives in Sage's frame too, so it is `SameSite=None; Partitioned` and
 * form tokens with the origin check carry the load; the operators' is `SameSite=Strict`. Both are session cookies:
 * the row's expiry, moved by every request, ends them. Cookies are signed under a key derived from the first
 * encryption key, so whoever reads the table alone cannot use its ids; a new first key signs everybody out.
 */
export function createSessions(deps: { pool: Pool; keyring: Keyring; logger: Logger; config: PagesConfig }): {
  customers: RequestHandler[];
  operators: RequestHandler[];
} {
  const Store = connectPgSimple(session);
  // One store each: express-session hangs the cookie's attributes for new sessions on the store it is given.
  const shared = () => ({
    store: new Store({
      pool: deps.pool,
      tableName: 'sessions',
      ttl: idleMaxSeconds,
      errorLog: (...details: unknown[]) =>
        deps.logger.warn({ err: details[1] }, 'expired sessions were not removed'),
    }),
    resave: false,
    saveUninitialized: false,
  });
  const cookie = { secure: true, httpOnly: true, path: '/' } as const;
  const trustLoopback = deps.config.publicUrl.startsWith('http:') ? [treatLoopbackAsSecure] : [];
  const customers = session({
    ...shared(),
    name: cookieNames.customers,
    secret: cookieSecret(deps.keyring, 'customers'),
    cookie: { ...cookie, sameSite: 'none', partitioned: true },
  });
  const operators = session({
    ...shared(),
    name: cookieNames.operators,
    secret: cookieSecret(deps.keyring, 'operators'),
    cookie: { ...cookie, sameSite: 'strict' },
  });
  return { customers: [...trustLoopback, customers], operators: [...trustLoopback, operators] };
}

/**
 * Browsers keep secure cookies of http://localhost, express-session would not send them. Only for a `PUBLIC_URL` of
 * plain http, which the configuration allows on loopback names alone.
 */
const treatLoopbackAsSecure: RequestHandler = (request, _response, next) => {
  Object.defineProperty(request, 'secure', { value: true, configurable: true });
  next();
};

/** Two audiences, two keys: an operator's cookie is worth nothing as a customer's. */
function cookieSecret(keyring: Keyring, audience: string): string {
  const derived = hkdfSync('sha256', keyring.primary.key, '', `bankfeeds session cookie ${audience}`, 32);
  return Buffer.from(derived).toString('hex');
}

export function newFormToken(): string {
  return randomBytes(tokenBytes).toString('base64url');
}

/** The browser's visit to a handoff; undefined when it never came by the link, or has come too long ago. */
export function readVisit(request: Request, handoffId: string): Visit | undefined {
  const visit = Object.entries(request.session.visits ?? {}).find(([id]) => id === handoffId)?.[1];
  return visit !== undefined && visit.endsAtMs > Date.now() ? visit : undefined;
}

/** Ties a handoff to this browser, and stores it before the answer goes out: the next request may be quicker. */
export async function rememberVisit(
  request: Request,
  input: { handoffId: string; remainingMs: number; customerId?: string },
): Promise<void> {
  const { handoffId, remainingMs, ...who } = input;
  const visit: Visit = { formToken: newFormToken(), endsAtMs: Date.now() + remainingMs, ...who };
  const others = Object.entries(request.session.visits ?? {}).filter(
    ([id, other]) => id !== handoffId && other.endsAtMs > Date.now(),
  );
  request.session.visits = Object.fromEntries([...others.slice(1 - visitsMax), [handoffId, visit]]);
  await saveSession(request);
}

/** The customer who is signed in on /status, if their time is not over. */
export function readCustomerSession(request: Request): (SignedIn & { customerId: string }) | undefined {
  const { customer } = request.session;
  return customer !== undefined && customer.sinceMs + signedInMaxMs > Date.now() ? customer : undefined;
}

export function readOperatorSession(request: Request): SignedIn | undefined {
  const { operator } = request.session;
  return operator !== undefined && operator.sinceMs + signedInMaxMs > Date.now() ? operator : undefined;
}

/** The token of a sign-in form outside a handoff; made and stored when the browser has none yet. */
export async function signInFormToken(request: Request): Promise<string> {
  if (request.session.formToken !== undefined) return request.session.formToken;
  const token = newFormToken();
  request.session.formToken = token;
  await saveSession(request);
  return token;
}

/**
 * A new session id, as after every sign-in (ASVS 7.2.4). What other windows of this browser are at stays; the token
 * of the form that was just used does not.
 */
export async function renewSession(request: Request): Promise<void> {
  const { visits, customer, operator } = request.session;
  await callback((done) => request.session.regenerate(done));
  if (visits !== undefined) request.session.visits = visits;
  if (customer !== undefined) request.session.customer = customer;
  if (operator !== undefined) request.session.operator = operator;
}

export async function saveSession(request: Request): Promise<void> {
  await callback((done) => request.session.save(done));
}

export async function endSession(request: Request): Promise<void> {
  await callback((done) => request.session.destroy(done));
}

function callback(start: (done: (error?: unknown) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    start((error) => {
      if (error === undefined || error === null) resolve();
      else reject(error instanceof Error ? error : new Error('the session store failed'));
    });
  });
}
