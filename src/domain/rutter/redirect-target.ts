/**
 * Where the browser may be sent at the end of a handoff: one of the configured origins, the one path, the challenge
 * unchanged, and nothing else (Rutter contract, sections 3 and 4). The text is compared, not resolved: it must begin
 * with an allowed origin character by character, so there is no URL parser whose result could differ from a browser's.
 */

/** Path of Rutter's redirect for Sage. */
export const redirectPath = '/sage_redirect';
/** Our assumption: a challenge is one token of the characters that need no encoding in a query, or `=` as padding. */
const challengePattern = /^[A-Za-z0-9._~=-]+$/;
/** Our assumption: Rutter's challenge is shorter; its examples have 36 characters. */
export const challengeLengthMax = 512;
/** The whole `redirect_uri`, decoded. */
export const redirectUriLengthMax = 2_048;
const otpLengthMax = 512;
/** Visible ASCII without backslash, quotes and angle brackets: what a well-formed URL consists of. */
const plainUrlPattern = /^[!#-;=?-[\]_a-z~]+$/;

export interface RedirectTarget {
  /** One of the allowed origins, as configured. */
  readonly origin: string;
  readonly challenge: string;
}

export type RedirectProblem =
  | 'challenge_malformed'
  | 'redirect_too_long'
  | 'redirect_malformed'
  | 'redirect_foreign'
  | 'challenge_differs';

export type RedirectVerdict =
  | { readonly ok: true; readonly target: RedirectTarget }
  | { readonly ok: false; readonly problem: RedirectProblem };

/** Whether a text can be a challenge at all. */
export function isChallenge(text: string): boolean {
  return text.length <= challengeLengthMax && challengePattern.test(text);
}

/**
 * Validates a decoded `redirect_uri` against the challenge that it must carry. Its query may be absent (the OTP answer's
 * has none) only when `challengeMayBeAbsent`; other parameters of it are never passed on.
 */
export function validateRedirectTarget(input: {
  readonly redirectUri: string;
  readonly challenge: string;
  readonly allowedOrigins: readonly string[];
  readonly challengeMayBeAbsent?: boolean;
}): RedirectVerdict {
  const { redirectUri, challenge } = input;
  if (!isChallenge(challenge)) return { ok: false, problem: 'challenge_malformed' };
  if (redirectUri.length > redirectUriLengthMax) return { ok: false, problem: 'redirect_too_long' };
  if (!plainUrlPattern.test(redirectUri) || redirectUri.includes('#')) {
    return { ok: false, problem: 'redirect_malformed' };
  }
  const origin = input.allowedOrigins.find((allowed) => {
    const base = `${allowed}${redirectPath}`;
    return redirectUri === base || redirectUri.startsWith(`${base}?`);
  });
  if (origin === undefined) return { ok: false, problem: 'redirect_foreign' };
  const inner = challengesOf(redirectUri.slice(origin.length + redirectPath.length + 1));
  const absent = inner.length === 0 && input.challengeMayBeAbsent === true;
  if (!absent && (inner.length !== 1 || inner[0] !== challenge))
    return { ok: false, problem: 'challenge_differs' };
  return { ok: true, target: { origin, challenge } };
}

/**
 * The address built from validated parts; with `otp` the one that ends the handoff.
 *
 * @throws RangeError when the one-time password is empty or longer than any we know
 */
export function printRedirectTarget(target: RedirectTarget, otp?: string): string {
  const address = `${target.origin}${redirectPath}?challenge=${target.challenge}`;
  if (otp === undefined) return address;
  if (otp.length === 0 || otp.length > otpLengthMax)
    throw new RangeError('the one-time password has a strange length');
  return `${address}&otp=${encodeURIComponent(otp)}`;
}

/** The values of every parameter named `challenge`, whatever its case or brackets: a second one is refused. */
function challengesOf(query: string): string[] {
  return query.split('&').flatMap((pair) => {
    const [name = '', ...rest] = pair.split('=');
    if (!isNamed(name, 'challenge')) return [];
    return name === 'challenge' ? [decodeOnce(rest.join('=')) ?? ''] : ['', ''];
  });
}

/** `challenge`, `Challenge`, `%63hallenge` and `challenge[]` all count as `challenge`. */
export function isNamed(rawName: string, name: string): boolean {
  const decoded = decodeOnce(rawName) ?? rawName;
  return decoded.toLowerCase().replace(/[[\s.].*$/s, '') === name;
}

/** Percent-decoding of a query value, a plus left as it is; undefined when it is not well-formed. */
export function decodeOnce(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
