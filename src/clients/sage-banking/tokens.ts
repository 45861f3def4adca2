import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { sha256Hex } from '../../crypto/hash.js';
import { tokenLifetimeMs, tokenRenewedBeforeMs } from './assumptions.js';
import type { SageCompanyAccess, SageOrganisationAccess } from './client.js';
import { requireIds } from './path.js';
import type { Requester } from './request.js';
import { signatureOf } from './signature.js';

/** Of a company, or of its organisation alone. */
export type TokenAccess = SageCompanyAccess | SageOrganisationAccess;

/** Most tokens in the cache, one per company; the oldest is removed first. */
const tokensKeptMax = 10_000;

const tokenSchema = z.object({
  jwt: z
    .string()
    .min(1)
    .regex(/^[\w.~+/=-]+$/),
});
const claimsSchema = z.object({ exp: z.number(), iat: z.number() });

interface Wanted {
  readonly access: TokenAccess;
  readonly signal?: AbortSignal | undefined;
}

/** The tokens of companies, kept in this process alone (contract 2.2). */
export interface TokenKeeper {
  /** A token that does not expire soon. */
  tokenFor(wanted: Wanted): Promise<string>;
  /** A token other than `refused`, which was answered 401; without `refused` always a new one. */
  renewed(wanted: Wanted & { refused?: string }): Promise<string>;
}

interface CachedToken {
  readonly jwt: string;
  readonly goodUntilMs: number;
}

export function createTokenKeeper(options: {
  request: Requester;
  authUrl: URL;
  applicationId: string;
  nowMs: () => number;
}): TokenKeeper {
  const kept = new Map<string, CachedToken>();
  /** Requests in flight: callers that need the same token share one. */
  const fetching = new Map<string, Promise<string>>();

  const fetchToken = async (key: string, access: TokenAccess): Promise<string> => {
    // Before the request: the token may be as old as this.
    const askedAtMs = options.nowMs();
    const jwt = await requestToken(options, access);
    kept.delete(key);
    kept.set(key, { jwt, goodUntilMs: askedAtMs + goodForMs(jwt) });
    const [oldest] = kept.keys();
    if (kept.size > tokensKeptMax && oldest !== undefined) kept.delete(oldest);
    return jwt;
  };

  const fetchOnce = async (key: string, { access, signal }: Wanted): Promise<string> => {
    signal?.throwIfAborted();
    let underWay = fetching.get(key);
    if (underWay === undefined) {
      underWay = fetchToken(key, access).finally(() => fetching.delete(key));
      fetching.set(key, underWay);
    }
    return unlessAborted(underWay, signal);
  };

  return {
    async tokenFor(wanted) {
      const key = keyOf(wanted.access);
      const known = kept.get(key);
      return known !== undefined && options.nowMs() < known.goodUntilMs ? known.jwt : fetchOnce(key, wanted);
    },
    async renewed({ refused, ...wanted }) {
      const key = keyOf(wanted.access);
      const known = kept.get(key);
      // Another caller has renewed it since.
      if (refused !== undefined && known !== undefined && known.jwt !== refused) return known.jwt;
      kept.delete(key);
      return fetchOnce(key, wanted);
    },
  };
}

function companyIdOf(access: TokenAccess): string | null {
  return 'companyId' in access ? access.companyId : null;
}

/** Includes the signing key: a wrong key must not use the token that the right one fetched. */
function keyOf(access: TokenAccess): string {
  return JSON.stringify([access.organisationId, companyIdOf(access), sha256Hex(access.signingKey)]);
}

async function requestToken(
  { request, authUrl, applicationId }: { request: Requester; authUrl: URL; applicationId: string },
  access: TokenAccess,
): Promise<string> {
  const { organisationId, signingKey } = access;
  const companyId = companyIdOf(access);
  requireIds('getAccessToken', companyId === null ? [organisationId] : [organisationId, companyId]);
  const url = new URL('/auth-v1/accessToken', authUrl);
  const nonce = randomUUID();
  const answer = await request({
    operation: 'getAccessToken',
    method: 'POST',
    url,
    headers: {
      accept: 'application/json',
      'content-type': 'application/json',
      'x-application': applicationId,
      'x-organisation-id': organisationId,
      ...(companyId === null ? {} : { 'x-company-id': companyId }),
      'x-nonce': nonce,
      'x-signature': signatureOf({ method: 'POST', url, nonce }, signingKey),
    },
    schema: tokenSchema,
    secrets: [signingKey],
  });
  return answer.jwt;
}

/**
 * How long the token is used from when it was asked for. Its own instants are only compared with each other: Sage's
 * clock need not be ours. One that lives shorter than our reserve is used for half its life.
 */
function goodForMs(jwt: string): number {
  const lifetimeMs = Math.min(lifetimeOf(jwt) ?? tokenLifetimeMs, tokenLifetimeMs);
  return Math.max(lifetimeMs - tokenRenewedBeforeMs, lifetimeMs / 2);
}

/** Undefined when the token has no readable claims; only Sage has to understand it. */
function lifetimeOf(jwt: string): number | undefined {
  const [, payload = ''] = jwt.split('.');
  try {
    const { exp, iat } = claimsSchema.parse(JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')));
    return exp > iat ? (exp - iat) * 1_000 : undefined;
  } catch {
    return undefined;
  }
}

/** A caller that aborts stops waiting; the request goes on for the other callers. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  let stop = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    stop = () => {
      reject(signal.reason as Error);
    };
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
