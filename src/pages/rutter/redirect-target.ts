import { decodeOnce, isNamed, validateRedirectTarget } from '../../domain/rutter/redirect-target.js';
import type { RedirectProblem, RedirectTarget } from '../../domain/rutter/redirect-target.js';

/** The whole query of `GET /login`; browsers and proxies may truncate longer ones. */
export const loginQueryLengthMax = 8_192;

export type LoginQueryProblem =
  | RedirectProblem
  | 'query_too_long'
  | 'parameter_missing'
  | 'parameter_repeated';

export type LoginQuery =
  | { readonly ok: true; readonly target: RedirectTarget }
  | { readonly ok: false; readonly problem: LoginQueryProblem };

/**
 * Reads the raw query of `GET /login?challenge=…&redirect_uri=…` (without `?`). Reading is lenient: the inner address
 * comes un-encoded as in Rutter's guide, or encoded, in either order, and other parameters are ignored. Validation
 * is strict: see `validateRedirectTarget`. Missing, repeated and undecodable parameters are refused.
 */
export function readLoginQuery(input: {
  readonly rawQuery: string;
  readonly allowedOrigins: readonly string[];
}): LoginQuery {
  if (input.rawQuery.length > loginQueryLengthMax) return { ok: false, problem: 'query_too_long' };
  const challenge = single(input.rawQuery, 'challenge');
  if (typeof challenge !== 'string') return { ok: false, problem: challenge.problem };
  const redirectUri = single(input.rawQuery, 'redirect_uri');
  if (typeof redirectUri !== 'string') return { ok: false, problem: redirectUri.problem };
  return validateRedirectTarget({ redirectUri, challenge, allowedOrigins: input.allowedOrigins });
}

/** The one value of a parameter. An un-encoded inner query keeps its `?` and `=`: only the first `=` separates. */
function single(rawQuery: string, name: string): string | { problem: LoginQueryProblem } {
  const found = rawQuery.split('&').flatMap((pair) => {
    const equals = pair.indexOf('=');
    const rawName = equals < 0 ? pair : pair.slice(0, equals);
    return isNamed(rawName, name) ? [{ rawName, rawValue: equals < 0 ? '' : pair.slice(equals + 1) }] : [];
  });
  const [first, second] = found;
  if (first === undefined) return { problem: 'parameter_missing' };
  if (second !== undefined) return { problem: 'parameter_repeated' };
  const value = first.rawName === name ? decodeOnce(first.rawValue) : '';
  return value === undefined || value === '' ? { problem: 'parameter_missing' } : value;
}
