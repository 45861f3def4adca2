import { timingSafeEqual } from 'node:crypto';
import { assumedCode, assumedStatus, assumedType, versions } from './assumptions.js';
import { ApiError, invalidInput, isObject, type ApiRequest } from './http.js';
import { readForceFetch } from './lists.js';
import { linkUrl } from './render-answer.js';
import type { Route } from './route.js';
import type { Sandbox } from './sandbox.js';

const tokenHeaders: readonly string[] = [
  'access_token',
  'access-token',
  'x-access-token',
  'x-rutter-access-token',
];

/**
 * Authenticates and authorizes: credentials, rate limit, version, access_token, state of the connection, in this order.
 * Sets `request.connection`. @throws ApiError with Rutter's error body; none of these refusals accepts the request.
 */
export function checkAccess(sandbox: Sandbox, request: ApiRequest, route: Route | undefined): void {
  checkCredentials(sandbox, request, route);
  if (sandbox.knobs.rateLimit && !sandbox.rate.take(sandbox.clock.nowMs())) {
    sandbox.violation('rate_limit_exceeded', `${request.method} ${request.path}`);
    const text = 'more than 500 requests in 10 seconds';
    throw new ApiError(429, assumedType.rateLimit, assumedCode.rateLimited, text);
  }
  checkVersion(sandbox, request);
  checkTokenPlace(sandbox, request);
  if (route?.auth !== 'connection') return;
  const token = readToken(request);
  const connection = sandbox.state.connectionByToken(token);
  if (connection === undefined || connection.tokenRevoked)
    throw badCredentials('the access_token is not valid');
  request.connection = connection;
  if (route.inAnyState !== true) checkState(sandbox, request, route);
}

function checkCredentials(sandbox: Sandbox, request: ApiRequest, route: Route | undefined): void {
  const { clientId, clientSecret } = sandbox.options;
  const expected = `${clientId}:${clientSecret}`;
  let given = '';
  if (route?.auth === 'body') {
    // Documented: the exchange carries the pair in its body; Basic is ignored there (our assumption).
    const body = isObject(request.json) ? request.json : {};
    given = `${String(body['client_id'])}:${String(body['secret'])}`;
  } else {
    const match = /^Basic\s+(\S+)$/i.exec(request.headers.authorization ?? '');
    given = Buffer.from(match?.[1] ?? '', 'base64').toString('utf8');
  }
  if (sandbox.state.organisationRevoked || !sameText(given, expected)) {
    throw badCredentials('the client id or secret is not valid');
  }
}

function checkVersion(sandbox: Sandbox, request: ApiRequest): void {
  const version = request.headers['x-rutter-version'];
  if (typeof version === 'string' && versions.includes(version)) return;
  sandbox.violation('missing_version_header', `${request.method} ${request.path}: ${String(version)}`);
  const text = `X-Rutter-Version must be one of ${versions.join(', ')}`;
  throw new ApiError(assumedStatus.missingVersionHeader, assumedType.request, assumedCode.invalidInput, text);
}

/** The token travels in the query and nowhere else. */
function checkTokenPlace(sandbox: Sandbox, request: ApiRequest): void {
  const header = tokenHeaders.find((name) => name in request.headers);
  if (header !== undefined) sandbox.violation('access_token_in_header', `${request.path}: ${header}`);
  if (isObject(request.json) && 'access_token' in request.json) {
    sandbox.violation('access_token_in_body', `${request.method} ${request.path}`);
  }
}

function readToken(request: ApiRequest): string {
  const tokens = request.query.getAll('access_token');
  if (tokens.length > 1) throw invalidInput('access_token is given more than once');
  const token = tokens[0] ?? '';
  if (token !== '') return token;
  const text = 'the query parameter access_token is required';
  throw new ApiError(
    assumedStatus.missingAccessToken,
    assumedType.request,
    assumedCode.missingAccessToken,
    text,
  );
}

function checkState(sandbox: Sandbox, request: ApiRequest, route: Route): void {
  const { connection } = request;
  if (connection === undefined) return;
  if (connection.status === 'needs_reauth') {
    const text = `the connection must be authenticated again at ${linkUrl(sandbox, connection.id)}`;
    throw new ApiError(assumedStatus.needsUpdate, assumedType.connection, 'NEEDS_UPDATE', text);
  }
  if (connection.status === 'disabled') {
    const text = `the connection is disabled: ${connection.disabledReason ?? 'UNKNOWN'}`;
    throw new ApiError(assumedStatus.connectionDisabled, assumedType.connection, 'CONNECTION_DISABLED', text);
  }
  const isRead = 'answer' in route;
  if (connection.status === 'not_ready' && isRead && !readForceFetch(request.query)) {
    const text = 'the initial sync is not finished';
    throw new ApiError(assumedStatus.productNotReady, assumedType.connection, 'PRODUCT_NOT_READY', text);
  }
}

function badCredentials(text: string): ApiError {
  return new ApiError(assumedStatus.invalidCredentials, assumedType.connection, 'INVALID_CREDENTIALS', text);
}

function sameText(given: string, expected: string): boolean {
  const a = Buffer.from(given);
  const b = Buffer.from(expected);
  return a.length === b.length && timingSafeEqual(a, b);
}
