import { constantTimeEqual } from '../crypto/hash.js';
import { Problem } from './problem.js';

/** The two machine roles: core banking writes customers and postings, operators manage feeds. */
export type Role = 'core' | 'ops';

/**
 * The caller's role, by bearer token. Both tokens are always compared, each in constant time.
 * @throws {Problem} 401 without a known token, 403 when the role is not allowed
 */
export function authorize(input: {
  authorization: string | undefined;
  tokens: Readonly<Record<Role, string>>;
  allowed: readonly Role[];
}): Role {
  const given = /^Bearer ([\x21-\x7e]+)$/i.exec(input.authorization ?? '')?.[1];
  const isCore = constantTimeEqual(given ?? '', input.tokens.core);
  const isOps = constantTimeEqual(given ?? '', input.tokens.ops);
  const role = given === undefined ? undefined : isCore ? 'core' : isOps ? 'ops' : undefined;
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
