import { constantTimeEqual } from '../crypto/hash.js';
import { Problem } from './problem.js';

/** The two machine roles: core banking writes customers and postings, operators manage feeds. */
export type Role = 'core' | 'ops';

/** The role of a bearer token, if it is one. Both tokens are always compared, each in constant time. */
export function roleOf(
  authorization: string | undefined,
  tokens: Readonly<Record<Role, string>>,
): Role | undefined {
  const given = /^Bearer ([\x21-\x7e]+)$/i.exec(authorization ?? '')?.[1];
  const isCore = constantTimeEqual(given ?? '', tokens.core);
  const isOps = constantTimeEqual(given ?? '', tokens.ops);
  return given === undefined ? undefined : isCore ? 'core' : isOps ? 'ops' : undefined;
}

/**
 * The caller's role, by bearer token.
 * @throws {Problem} 401 without a known token, 403 when the role is not allowed
 */
export function authorize(input: {
  authorization: string | undefined;
  tokens: Readonly<Record<Role, string>>;
  allowed: readonly Role[];
}): Role {
  const role = roleOf(input.authorization, input.tokens);
  if (role === undefined) {
    throw new Problem({
      status: 401,
      code: 'unauthorized',
      detail: 'send a valid token as "Authorization: Bearer …"',
      headers: { 'WWW-Authenticate': 'Bearer' },
    });
  }
  if (!input.allowed.includes(role)) {
    throw new Problem({
      status: 403,
      code: 'wrong_role',
      detail: `this call is for the role ${input.allowed.join(' or ')}`,
    });
  }
  return role;
}
