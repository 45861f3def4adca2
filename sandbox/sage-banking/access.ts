import { INTERIM, nonceCharactersMax } from './assumptions.js';
import { ApiError, notFound, unauthorised, type ApiRequest } from './http.js';
import { verifyJwt } from './jwt.js';
import type { SecretsRecord } from './records.js';
import type { Access } from './route.js';
import type { Application, Sandbox } from './sandbox.js';
import { sameSignature, signatureOf } from './signature.js';

/**
 * Authenticates and authorizes: application, token, organisation and company, bank account, in this order. Sets
 * `request.applicationId`, `company` and `account`. @throws ApiError 401, 403, 404 (contract 1)
 */
export function checkAccess(sandbox: Sandbox, request: ApiRequest, access: Access): void {
  if (access === 'none') return;
  requireApplication(sandbox, request);
  if (access === 'application') return;
  checkToken(sandbox, request, access);
  if (access !== 'account') return;
  const id = request.params['bankAccountId'] ?? '';
  const account = sandbox.state.get('account', id);
  if (account === undefined || account.companyId !== request.company?.id) {
    throw notFound(`bank account ${id}`);
  }
  request.account = account;
}

/** The application that sent the request. @throws ApiError 401 */
export function requireApplication(sandbox: Sandbox, request: ApiRequest): Application {
  const id = headerOf(request, 'x-application');
  const known = knownApplications(sandbox).find((application) => application.id === id);
  if (known === undefined) throw unauthorised('x-application is missing or unknown', 'unknown_application');
  request.applicationId = known.id;
  return known;
}

/** Of the options, and the interim product where the environment has one (contract 3.2). */
function knownApplications(sandbox: Sandbox): Application[] {
  const interim: Application = { id: INTERIM.applicationId, desktop: true, provider: INTERIM.provider };
  const isProduction = environmentOf(sandbox) === 'production';
  return [...sandbox.options.applications, ...(isProduction ? [] : [interim])];
}

export function environmentOf(sandbox: Sandbox): 'qa' | 'preProduction' | 'production' {
  return sandbox.state.get('settings', 'settings')?.environment ?? sandbox.options.environment ?? 'qa';
}

export function secretsOf(sandbox: Sandbox): SecretsRecord {
  const secrets = sandbox.state.get('secrets', 'secrets');
  if (secrets === undefined) throw new Error('the sandbox has not made its secrets');
  return secrets;
}

function checkToken(sandbox: Sandbox, request: ApiRequest, access: Access): void {
  const match = /^Bearer (\S+)$/.exec(headerOf(request, 'authorization'));
  if (match === null) throw unauthorised('Authorization must be Bearer and a JWT', 'missing_token');
  const verdict = verifyJwt(secretsOf(sandbox), match[1] ?? '', sandbox.clock.nowMs());
  if (verdict.kind === 'expired') throw unauthorised('the token has expired', null);
  if (verdict.kind === 'malformed') throw unauthorised('the token is not valid', 'malformed_token');
  const { organisationId, companyId } = request.params;
  const isForeign =
    verdict.organisationId !== organisationId ||
    (access !== 'organisation' && (verdict.companyId === null || verdict.companyId !== companyId));
  if (isForeign) {
    const text = 'the token is of another organisation or company, or of no company';
    throw new ApiError(403, 'forbidden', text, [], 'foreign_token');
  }
  if (access !== 'organisation') request.company = sandbox.state.get('company', companyId ?? '') ?? null;
}

/**
 * Validates x-signature and x-nonce, and spends the nonce (contract 2.1).
 * @throws ApiError 401; a nonce is only spent by a good signature
 */
export function checkSignature(sandbox: Sandbox, request: ApiRequest, signingKey: string): void {
  const nonce = headerOf(request, 'x-nonce');
  if (nonce === '' || nonce.length > nonceCharactersMax) {
    throw unauthorised(`x-nonce must have 1 to ${nonceCharactersMax} characters`, 'bad_nonce');
  }
  const expected = signatureOf(
    {
      method: request.method,
      url: `http://${headerOf(request, 'host')}${request.path}`,
      query: request.rawQuery,
      body: request.rawBody,
      nonce,
    },
    signingKey,
  );
  if (!sameSignature(headerOf(request, 'x-signature'), expected)) {
    throw unauthorised('x-signature does not fit the request', 'bad_signature');
  }
  if (sandbox.state.nonces.has(nonce)) {
    throw unauthorised('x-nonce has been used before', 'nonce_repeated');
  }
  sandbox.commit({ put: 'nonce', nonce });
}

/** '' when absent. */
export function headerOf(request: ApiRequest, name: string): string {
  const value = request.headers[name];
  return typeof value === 'string' ? value : '';
}
