import { sha256Hex } from '../../crypto/hash.js';
import { redirectPath } from '../../domain/rutter/redirect-target.js';

/**
 * Whether the address that the workflow stored is one a browser may be sent to: an allowed origin, the one path, and
 * exactly this handoff's challenge with a one-time password. The last check before the redirect, whoever wrote the row.
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
