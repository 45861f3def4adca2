import { hash, verify } from '@node-rs/argon2';
import { commonPasswords } from './common-passwords.js';

/**
 * Argon2id (the library's default algorithm), 19 MiB, two passes, parallelism 1: the OWASP cheat sheet's first choice;
 * some 23 ms of one core. A test reads the parameters back from a hash.
 */
const parameters = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;

export const passwordLengthMin = 8;
export const passwordLengthMax = 256;

export type PasswordProblem = 'too_short' | 'too_long' | 'is_the_username' | 'too_common' | 'broken_text';

/** Why a password may not be used; null when it may. Lengths count characters (code points). */
export function passwordProblem(input: { password: string; username: string }): PasswordProblem | null {
  const { password } = input;
  if (password.length > 2 * passwordLengthMax) return 'too_long';
  if (/\p{Cs}/u.test(password)) return 'broken_text';
  const length = Array.from(password).length;
  if (length < passwordLengthMin) return 'too_short';
  if (length > passwordLengthMax) return 'too_long';
  const lowered = password.toLowerCase();
  if (lowered === input.username.toLowerCase()) return 'is_the_username';
  return commonPasswords.has(lowered) ? 'too_common' : null;
}

/** So many wait already that one more would only time out. The caller answers 429. */
export class HasherBusy extends Error {
  override readonly name = 'HasherBusy';
  constructor() {
    super('too many passwords are being checked at the moment');
  }
}

export interface PasswordHasher {
  /** The password's hash in PHC format. @throws {HasherBusy} */
  hash(password: string): Promise<string>;
  /**
   * Whether the password matches. With `passwordHash: null` (unknown name) it takes as long and answers false, so that
   * the time taken does not show which names exist. @throws {HasherBusy}
   */
  verify(input: { password: string; passwordHash: string | null }): Promise<boolean>;
}

/**
 * Hashing behind a bounded queue: at most `concurrencyMax` at work (19 MiB and a core each) and `queueMax` waiting,
 * so that a flood of logins can take neither the memory nor the machine.
 */
export function createPasswordHasher(input: { concurrencyMax: number; queueMax: number }): PasswordHasher {
  const enter = createGate(input);
  let dummy: Promise<string> | undefined;
  return {
    hash: (password) => enter(() => hash(password, parameters)),
    verify: ({ password, passwordHash }) =>
      enter(async () => {
        if (passwordHash !== null) return await verify(passwordHash, password);
        dummy ??= hash('no user has this password', parameters);
        const known = await dummy.catch((error: unknown) => {
          // Computed again next time: otherwise one failure would reveal from then on which names are unknown.
          dummy = undefined;
          throw error;
        });
        await verify(known, password);
        return false;
      }),
  };
}

function createGate(input: { concurrencyMax: number; queueMax: number }) {
  const waiting: (() => void)[] = [];
  let working = 0;
  return async <T>(work: () => Promise<T>): Promise<T> => {
    if (working >= input.concurrencyMax) {
      if (waiting.length >= input.queueMax) throw new HasherBusy();
      // The slot passes to the next in the queue, so `working` does not change.
      await new Promise<void>((resolve) => waiting.push(resolve));
    } else working += 1;
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) working -= 1;
      else next();
    }
  };
}
