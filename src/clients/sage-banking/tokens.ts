import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { sha256Hex } from '../../crypto/hash.js';
import { tokenLifetimeMs, tokenRenewedBeforeMs } from './assumptions.js';
import type { SageCompanyAccess } from './client.js';
import { requireIds } from './path.js';
import type { Requester } from './request.js';
import { signatureOf } from './signature.js';

/** Tokens kept at a time, one a company; the one fetched longest ago goes first. */
const tokensKeptMax = 10_000;

const tokenSchema = z.object({
  jwt: z
    .string()
    .min(1)
    .regex(/^[\w.~+/=-]+$/),
});
const claimsSchema = z.object({ exp: z.number(), iat: z.number() });

interface Wanted {
  readonly access: SageCompanyAccess;
  readonly signal?: AbortSignal | undefined;
}

/** The tokens of companies, kept in this process alone (contract 2.2). */
export interface TokenKeeper {
  /** A token that is good for a while yet. */
  tokenFor(wanted: Wanted): Promise<string>;
  /** Another one than `refused`, which was answered 401; without it a new one in any case. */
  renewed(wanted: Wanted & { refused?: string }): Promise<string>;
}

interface Kept {
  readonly jwt: string;
  readonly goodUntilMs: number;
}

export function createTokenKeeper(options: {
  request: Requester;
  authUrl: URL;
  applicationId: string;
  nowMs: () => number;
}): TokenKeeper {
  const kept = new Map<string, Kept>();
  /** Under way: whoever needs the same token meanwhile waits for this one. */
  const fetching = new Map<string, Promise<string>>();

  const fetchToken = async (key: string, access: SageCompanyAccess): Promise<string> => {
    // Before the request: a slow answer is an older token.
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
      // Somebody else has renewed it since.
      if (refused !== undefined && known !== undefined && known.jwt !== refused) return known.jwt;
      kept.delete(key);
      return fetchOnce(key, wanted);
    },
  };
}

/** The key is part of it: a wrong one must not live on the token that the right one fetched. */
function keyOf({ organisationId, companyId, signingKey }: SageCompanyAccess): string {
  return JSON.stringify([organisationId, companyId, sha256Hex(signingKey)]);
}

async function requestToken(
  { request, authUrl, applicationId }: { request: Requester; authUrl: URL; applicationId: string },
  { organisationId, companyId, signingKey }: SageCompanyAccess,
): Promise<string> {
  requireIds('getAccessToken', [organisationId, companyId]);
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
      'x-company-id': companyId,
      'x-nonce': nonce,
      'x-signature': signatureOf({ method: 'POST', url, nonce }, signingKey),
    },
    schema: tokenSchema,
    secrets: [signingKey],
  });
  return answer.jwt;
}

/**
 * How long the token is used from when it was asked for. Its own instants are only compared with each other: Sage's clock
 * need not be ours. One that lives shorter than our reserve is used for half its life.
 */
function goodForMs(jwt: string): number {
  const lifetimeMs = Math.min(lifetimeOf(jwt) ?? tokenLifetimeMs, tokenLifetimeMs);
  return Math.max(lifetimeMs - tokenRenewedBeforeMs, lifetimeMs / 2);
}

/** Undefined when the token does not say, or makes no sense; nobody but Sage has to understand it. */
function lifetimeOf(jwt: string): number | undefined {
  const [, payload = ''] = jwt.split('.');
  try {
    const { exp, iat } = claimsSchema.parse(JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')));
    return exp > iat ? (exp - iat) * 1_000 : undefined;
  } catch {
    return undefined;
  }
}

/** The fetch serves others too: a caller that gives up leaves it alone. */
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
