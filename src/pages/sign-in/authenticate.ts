import type { PasswordHasher } from '../../crypto/password.js';
import { HasherBusy, passwordLengthMax } from '../../crypto/password.js';
import { readLogin } from '../../db/customers.js';
import type { Pool } from '../../db/pool.js';
import type { LoginThrottle } from './login-throttle.js';

/** The submitted credentials and their source. */
export interface Credentials {
  readonly username: string;
  readonly password: string;
  /** Address of the client, as reported by the trusted proxies. */
  readonly source: string;
}

export type Authentication =
  | { readonly kind: 'accepted'; readonly customerId: string }
  /** One answer for an unknown username and for a wrong password. */
  | { readonly kind: 'refused' }
  | { readonly kind: 'throttled'; readonly retryAfterMs: number }
  /** Too many passwords are being checked; nothing was counted. */
  | { readonly kind: 'busy' };

/**
 * Authenticates a customer. The sign-in pages of the handoff and of /status use only this interface; another method (a
 * second factor, an identity provider) is another implementation, with its own kinds of answer.
 */
export interface Authenticator {
  authenticate(credentials: Credentials): Promise<Authentication>;
}

const usernameLengthMax = 255;

/** Checks username and password against the customers table, throttled before anything is hashed. */
export function createPasswordAuthenticator(deps: {
  pool: Pool;
  hasher: PasswordHasher;
  throttle: LoginThrottle;
}): Authenticator {
  return {
    async authenticate({ username, password, source }) {
      if (username.length > usernameLengthMax || username.includes('\0')) return { kind: 'refused' };
      const admission = await deps.throttle.admit({ username, source });
      if (!admission.admitted) return { kind: 'throttled', retryAfterMs: admission.retryAfterMs };
      const login = await readLogin(deps.pool, { username });
      try {
        const fits = await deps.hasher.verify({
          // No password is longer; it is hashed all the same, so that the answer takes as long.
          password: password.slice(0, 2 * passwordLengthMax + 1),
          passwordHash: login?.passwordHash ?? null,
        });
        if (!fits || login === null) return { kind: 'refused' };
      } catch (error) {
        if (!(error instanceof HasherBusy)) throw error;
        await admission.takeBack();
        return { kind: 'busy' };
      }
      await admission.forgive();
      return { kind: 'accepted', customerId: login.customerId };
    },
  };
}
