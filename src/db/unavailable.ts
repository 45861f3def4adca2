import { isAnswerTimeout } from './pool.js';

/** Node's codes for a server that is not there or went away. */
const networkCodes: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
]);

/**
 * SQLSTATE: connection exceptions (08), refused sign-in (28), no such database (3D), insufficient resources as on a
 * full disk (53), operator intervention and statements given up (57), system errors (58), read-only (25006); and
 * serialization, deadlock, lock not available, idle transaction ended, which pass as well.
 */
const passingSqlState = /^(08|28|3D|53|57|58)|^(25006|25P03|40001|40P01|55P03)$/;

/**
 * Whether an error says that PostgreSQL is away, busy or read-only, rather than that a statement is wrong: the caller
 * may try again later, and answers 503.
 */
export function isDatabaseUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error instanceof AggregateError) return error.errors.some(isDatabaseUnavailable);
  const code = (error as { code?: unknown }).code;
  if (typeof code === 'string') return networkCodes.has(code) || passingSqlState.test(code);
  // `pg` has no codes for these: its own texts, pinned by a test against the installed version.
  return (
    error.message.startsWith('Connection terminated') ||
    error.message.startsWith('timeout exceeded when trying to connect') ||
    error.message === 'Client has encountered a connection error and is not queryable' ||
    isAnswerTimeout(error)
  );
}
