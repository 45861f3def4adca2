import { checkSignature, headerOf, requireApplication, secretsOf } from './access.js';
import { STATUS } from './assumptions.js';
import { ApiError, unauthorised, type Answer, type ApiRequest } from './http.js';
import { keyId, mintJwt } from './jwt.js';
import { consumer, type Route } from './route.js';
import type { Sandbox } from './sandbox.js';
import { createPublicKey } from 'node:crypto';

/** The organisation's header has three spellings in the sources; header names are case-insensitive. */
const organisationHeaders = ['x-organisation-id', 'x-organisationid'];

export const tokenRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: `${consumer}/accesstoken`,
    access: 'none',
    counter: 'token_fetches',
    answer: fetchToken,
  },
  {
    method: 'POST',
    path: '/auth-v1/accesstoken',
    access: 'none',
    counter: 'token_fetches',
    answer: fetchToken,
  },
  { method: 'GET', path: '/.well-known/jwks.json', access: 'none', answer: showKeys },
];

/** A JWT of the organisation, or with X-Company-Id of the company (contract 2.2). */
function fetchToken(sandbox: Sandbox, request: ApiRequest): Answer {
  const { id: applicationId } = requireApplication(sandbox, request);
  const organisationId =
    organisationHeaders.map((name) => headerOf(request, name)).find((id) => id !== '') ?? '';
  const organisation = sandbox.state.get('organisation', organisationId);
  if (organisation === undefined) throw unauthorised('the organisation is unknown', 'unknown_organisation');
  checkSignature(sandbox, request, organisation.signingKey);
  const companyId = headerOf(request, 'x-company-id');
  if (companyId !== '' && sandbox.state.get('company', companyId)?.organisationId !== organisationId) {
    throw new ApiError(403, 'forbidden', 'the company is not of this organisation', [], 'foreign_company');
  }
  const subject = {
    organisationId,
    companyId: companyId === '' ? null : companyId,
    applicationId,
    remoteAddress: request.remoteAddress,
  };
  const jwt = mintJwt(secretsOf(sandbox), subject, sandbox.clock.nowMs());
  return { status: STATUS.accessToken, body: { jwt } };
}

/** For tests only: no public key set is published (contract 2.2). */
function showKeys(sandbox: Sandbox): Answer {
  const { jwtPublicKey } = secretsOf(sandbox);
  const key = createPublicKey(jwtPublicKey).export({ format: 'jwk' });
  return { status: 200, body: { keys: [{ ...key, alg: 'RS256', use: 'sig', kid: keyId(jwtPublicKey) }] } };
}
