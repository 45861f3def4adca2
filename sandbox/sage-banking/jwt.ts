import { createHash, sign, verify } from 'node:crypto';
import { jwtLifetimeS } from './assumptions.js';
import { isObject, parseJson } from './http.js';
import type { SecretsRecord } from './records.js';

export interface TokenSubject {
  organisationId: string;
  /** Null: a token of the organisation. */
  companyId: string | null;
  applicationId: string;
  remoteAddress: string;
}

export type TokenVerdict =
  | { kind: 'valid'; organisationId: string; companyId: string | null }
  | { kind: 'expired' }
  | { kind: 'malformed' };

/** The key's name: 64 hex digits, as in the published example. */
export function keyId(publicKey: string): string {
  return createHash('sha256').update(publicKey).digest('hex');
}

/** A token of twenty minutes with the claims of the published example (contract 2.2). */
export function mintJwt(secrets: SecretsRecord, subject: TokenSubject, nowMs: number): string {
  const issuedAtS = Math.floor(nowMs / 1_000);
  const kid = keyId(secrets.jwtPublicKey);
  const claims = {
    ccVersion: '1.0.0.0',
    organisationId: subject.organisationId,
    ...(subject.companyId === null ? {} : { companyId: subject.companyId }),
    sourceProduct: subject.applicationId,
    kid,
    ip: subject.remoteAddress,
    iss: 'wpb-auth',
    channel: 'desktop-channel',
    exp: issuedAtS + jwtLifetimeS,
    serviceId: 'wpb-auth-service',
    iat: issuedAtS,
  };
  const signed = `${encodePart({ alg: 'RS256', typ: 'JWT', kid })}.${encodePart(claims)}`;
  const signature = sign('sha256', Buffer.from(signed), secrets.jwtPrivateKey);
  return `${signed}.${signature.toString('base64url')}`;
}

export function verifyJwt(secrets: SecretsRecord, token: string, nowMs: number): TokenVerdict {
  const [head = '', body = '', signature = '', ...rest] = token.split('.');
  const header = decodePart(head);
  const claims = decodePart(body);
  const isSigned =
    rest.length === 0 &&
    header?.['alg'] === 'RS256' &&
    verify(
      'sha256',
      Buffer.from(`${head}.${body}`),
      secrets.jwtPublicKey,
      Buffer.from(signature, 'base64url'),
    );
  const organisationId = claims?.['organisationId'];
  const expiresAtS = claims?.['exp'];
  const companyId = claims?.['companyId'];
  if (!isSigned || typeof organisationId !== 'string' || typeof expiresAtS !== 'number') {
    return { kind: 'malformed' };
  }
  if (expiresAtS * 1_000 <= nowMs) return { kind: 'expired' };
  return { kind: 'valid', organisationId, companyId: typeof companyId === 'string' ? companyId : null };
}

function encodePart(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function decodePart(text: string): Record<string, unknown> | undefined {
  const value = parseJson(Buffer.from(text, 'base64url'));
  return isObject(value) ? value : undefined;
}
