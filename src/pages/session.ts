import { hkdfSync, randomBytes } from 'node:crypto';
import type { Request, RequestHandler } from 'express';
import session from 'express-session';
import type { Keyring } from '../crypto/keyring.js';
import type { Pool } from '../db/pool.js';
import type { PagesConfig } from './deps.js';
import { SessionStore } from './session-store.js';

/** The visit of a browser to one handoff. It ends with the handoff, independently of the rest of the session. */
export interface Visit {
  readonly formToken: string;
  /** For version 0.2.0, which serves the same browser during a deployment, and compares it with its own clock. */
  readonly endsAtMs: number;
  /** Set once the customer has signed in for this handoff. */
  readonly customerId?: string;
}

/** A signed-in customer on /status, or a signed-in operator. */
export interface SignedIn {
  readonly formToken: string;
  readonly sinceMs: number;
}

declare module 'express-serve-static-core' {
  interface Request {
    /** Now by the database's clock: one for all processes that serve a browser. */
    nowMs: () => number;
  }
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
/** Windows of one browser that connect a company at the same time; the oldest is dropped. */
const visitsMax = 5;
const tokenBytes = 32;

/**
 * Sessions in PostgreSQL. The customers' cookie is also used in Sage's frame, so it is `SameSite=None; Partitioned`, and
 * form tokens with the origin check protect against cross-site requests; the operators' is `SameSite=Strict`. Both are
 * session cookies: the row's expiry, which every request extends, ends them. Cookies are signed with a key derived from
 * the first encryption key, so reading the table alone is not enough to use its ids; a new first key ends all sessions.
 */
export function createSessions(deps: {
  pool: Pool;
  keyring: Keyring;
  config: PagesConfig;
  nowMs: () => number;
}): {
  customers: RequestHandler[];
  operators: RequestHandler[];
} {
  // One store each: express-session attaches the cookie's attributes for new sessions to the store.
  const shared = () => ({
    store: new SessionStore(deps.pool, idleMaxSeconds),
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
  const withClock: RequestHandler = (request, _response, next) => {
    request.nowMs = deps.nowMs;
    next();
  };
  return {
    customers: [withClock, ...trustLoopback, customers],
    operators: [withClock, ...trustLoopback, operators],
  };
}

/**
 * Browsers keep secure cookies of http://localhost, express-session would not send them. Only for a `PUBLIC_URL` of
 * plain http, which the configuration allows on loopback names alone.
 */
const treatLoopbackAsSecure: RequestHandler = (request, _response, next) => {
  Object.defineProperty(request, 'secure', { value: true, configurable: true });
  next();
};

/** One key per audience, so that an operator's cookie is not valid as a customer's. */
function cookieSecret(keyring: Keyring, audience: string): string {
  const derived = hkdfSync('sha256', keyring.primary.key, '', `bankfeeds session cookie ${audience}`, 32);
  return Buffer.from(derived).toString('hex');
}

export function newFormToken(): string {
  return randomBytes(tokenBytes).toString('base64url');
}

/** The browser's visit to a handoff; undefined when it never opened the link. The handoff's row says whether it is over. */
export function readVisit(request: Request, handoffId: string): Visit | undefined {
  const visit = Object.entries(request.session.visits ?? {}).find(([id]) => id === handoffId)?.[1];
  return visit;
}

/** Ties a handoff to this browser, and stores that before the answer is sent, since the next request may follow at once. */
export async function rememberVisit(
  request: Request,
  input: { handoffId: string; remainingMs: number; customerId?: string },
): Promise<void> {
  const { handoffId, remainingMs, ...who } = input;
  const visit: Visit = { formToken: newFormToken(), endsAtMs: request.nowMs() + remainingMs, ...who };
  const others = Object.entries(request.session.visits ?? {}).filter(([id]) => id !== handoffId);
  request.session.visits = Object.fromEntries([...others.slice(1 - visitsMax), [handoffId, visit]]);
  await saveSession(request);
}

/** The customer who is signed in on /status; undefined without one, or after the longest session. */
export function readCustomerSession(request: Request): (SignedIn & { customerId: string }) | undefined {
  const { customer } = request.session;
  return customer !== undefined && customer.sinceMs + signedInMaxMs > request.nowMs() ? customer : undefined;
}

export function readOperatorSession(request: Request): SignedIn | undefined {
  const { operator } = request.session;
  return operator !== undefined && operator.sinceMs + signedInMaxMs > request.nowMs() ? operator : undefined;
}

/** The token of a sign-in form outside a handoff; created and stored when the browser has none yet. */
export async function signInFormToken(request: Request): Promise<string> {
  if (request.session.formToken !== undefined) return request.session.formToken;
  const token = newFormToken();
  request.session.formToken = token;
  await saveSession(request);
  return token;
}

/**
 * A new session id, as after every sign-in (ASVS 7.2.4). The state of other windows of this browser is
 * kept; the token of the form that was just used is not.
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
