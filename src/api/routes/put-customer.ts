import { z } from 'zod';
import {
  passwordLengthMax,
  passwordLengthMin,
  passwordProblem,
  type PasswordProblem,
} from '../../crypto/password.js';
import { putCustomer as storeCustomer, type LoginChange } from '../../db/customers.js';
import { limits } from '../../domain/limits.js';
import { customerJson, customerSchema } from '../customer-json.js';
import { defineRoute } from '../define-route.js';
import type { ApiDeps } from '../deps.js';
import { customerId, nothing, textField, timeZoneField } from '../fields.js';
import { Problem, invalid } from '../problem.js';

const locales = ['en-GB', 'en-US', 'fr-FR', 'fr-CA', 'es-ES', 'de-DE'] as const;
const bodyBytesMax = 64 * 1024;

const customerBody = z
  .strictObject({
    name: textField(limits.nameLengthMax),
    email: z.email().max(limits.nameLengthMax).nullish(),
    username: textField(limits.nameLengthMax).nullish().meta({
      description: 'Name of a local login, compared exactly. Absent: the login is kept; null: it is removed.',
    }),
    password: z.string().optional().meta({
      description: 'Only with `username`. Optional when the customer already has a password.',
      minLength: passwordLengthMin,
      maxLength: passwordLengthMax,
      writeOnly: true,
    }),
    locale: z.enum(locales).optional().meta({ default: 'en-GB' }),
    time_zone: timeZoneField,
  })
  .meta({ id: 'CustomerInput' });

/** Creates or replaces a customer. The password is hashed (argon2id) and never returned. */
export const putCustomer = defineRoute({
  method: 'put',
  path: '/v1/customers/{customer_id}',
  roles: ['core'],
  resource: 'customer',
  summary: 'Create or replace a customer',
  description:
    'Replaces name, e-mail, language and time zone. The local login changes only when `username` is given. Passwords are hashed through a bounded queue: 429 asks for a retry.',
  params: z.strictObject({ customer_id: customerId }),
  query: nothing,
  body: { schema: customerBody, bytesMax: bodyBytesMax },
  answers: {
    200: { description: 'Replaced', schema: customerSchema },
    201: { description: 'Created', schema: customerSchema },
  },
  handle: async ({ deps, params, body }) => {
    const login = await loginChange(deps, body);
    const stored = await storeCustomer(deps.pool, {
      customerId: params.customer_id,
      name: body.name,
      email: body.email ?? null,
      locale: body.locale ?? 'en-GB',
      timeZone: body.time_zone ?? null,
      login,
    });
    switch (stored.kind) {
      case 'created':
      case 'updated':
        return { status: stored.kind === 'created' ? 201 : 200, body: customerJson(stored.customer) };
      case 'username_taken':
        throw new Problem({
          status: 409,
          code: 'username_taken',
          detail: 'another customer has this username',
        });
      case 'password_missing':
        throw badPassword('is required: the customer has none yet');
    }
  },
});

async function loginChange(
  deps: ApiDeps,
  body: { username?: string | null | undefined; password?: string | undefined },
): Promise<LoginChange> {
  const { username, password } = body;
  if (username === undefined || username === null) {
    if (password !== undefined) throw badPassword('needs a username');
    return username === undefined ? 'keep' : 'remove';
  }
  if (password === undefined) return { username, passwordHash: null };
  const problem = passwordProblem({ password, username });
  if (problem !== null) throw badPassword(describePassword(problem));
  return { username, passwordHash: await deps.hasher.hash(password) };
}

function badPassword(message: string): Problem {
  return invalid({ status: 422, code: 'invalid_body', errors: [{ pointer: '/password', message }] });
}

function describePassword(problem: PasswordProblem): string {
  switch (problem) {
    case 'too_short':
      return `must have at least ${passwordLengthMin} characters`;
    case 'too_long':
      return `must have at most ${passwordLengthMax} characters`;
    case 'is_the_username':
      return 'must not be the username';
    case 'too_common':
      return 'is one of the most common passwords';
    case 'broken_text':
      return 'contains an invalid Unicode character';
    default:
      return problem satisfies never;
  }
}
