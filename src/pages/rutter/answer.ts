import { sha256Hex } from '../../crypto/hash.js';
import { redirectPath } from '../../domain/rutter/redirect-target.js';

/**
 * Whether a browser may be redirected to the stored address: an allowed origin, the expected path, and exactly this
 * handoff's challenge with a one-time password. This is the last check before the redirect, and does not trust the row.
 */
export function isAnswerOf(input: {
  readonly answer: string;
  readonly handoffId: string;
  readonly allowedOrigins: readonly string[];
}): boolean {
  const base = input.allowedOrigins.find((origin) => input.answer.startsWith(`${origin}${redirectPath}?`));
  if (base === undefined) return false;
  const query = new URLSearchParams(input.answer.slice(base.length + redirectPath.length + 1));
  const challenge = query.get('challenge');
  return (
    [...query.keys()].sort().join() === 'challenge,otp' &&
    challenge !== null &&
    sha256Hex(challenge) === input.handoffId
  );
}
