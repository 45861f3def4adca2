import type { Cause } from '../domain/availability.js';
import { DatabaseRefused } from './session-settings.js';

/** Node's codes for a server that is not there or went away. */
const networkCodes: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
]);

/**
 * SQLSTATE: connection exceptions (08), refused sign-in (28), no such database (3D), insufficient resources as on a
 * full disk (53), operator intervention and statements given up (57), system errors (58), read-only (25006); and
 * serialization, deadlock, lock not available, idle transaction ended, which pass as well.
 */
const passingSqlState = /^(08|28|3D|53|57|58)|^(25006|25P03|40001|40P01|55P03)$/;

/** `pg` has no codes for these: its own texts, pinned by a test against the installed version, with codes of ours. */
const driverTexts: readonly (readonly [text: string, code: string])[] = [
  ['Connection terminated', 'connection_lost'],
  ['timeout exceeded when trying to connect', 'no_connection_free'],
  ['Client has encountered a connection error and is not queryable', 'connection_lost'],
  ['Query read timeout', 'no_answer'],
];

/** The settings of the connection, or the database itself, are refused: see {@link DatabaseRefused}. */
const refusedCode = 'database_refused';
const textMaxChars = 300;

/**
 * Whether an error says that PostgreSQL is away, busy or read-only, rather than that a statement is wrong: the caller
 * may try again later, and answers 503.
 */
export function isDatabaseUnavailable(error: unknown): boolean {
  return codeOf(error) !== null;
}

/** Why PostgreSQL cannot be used: SQLSTATE, Node's code or one of ours, with the text. Null for any other error. */
export function readDatabaseCause(error: unknown): Cause | null {
  const code = codeOf(error);
  return code === null ? null : { code, text: textOf(error).slice(0, textMaxChars) };
}

function codeOf(error: unknown): string | null {
  if (!(error instanceof Error)) return null;
  if (error instanceof DatabaseRefused) return refusedCode;
  // One error per address that was tried.
  if (error instanceof AggregateError) {
    return error.errors.map(codeOf).find((code) => code !== null) ?? null;
  }
  const { code } = error as { code?: unknown };
  if (typeof code === 'string') return networkCodes.has(code) || passingSqlState.test(code) ? code : null;
  return driverTexts.find(([text]) => error.message.startsWith(text))?.[1] ?? null;
}

/** PostgreSQL's primary message quotes no values of rows; they would be in its detail, which is left out. */
function textOf(error: unknown): string {
  if (error instanceof AggregateError) return [...new Set(error.errors.map(textOf))].join('; ');
  return error instanceof Error ? error.message : '';
}

/** `pg` has no code for it. */
export function isAnswerTimeout(error: unknown): error is Error {
  return error instanceof Error && error.message === 'Query read timeout';
}

/**
 * PostgreSQL ended the transaction because of another one that ran at the same time: a deadlock (40P01) or a conflict of
 * isolation (40001). Nothing of it is stored, and repeating it whole is the remedy.
 */
export function isTransactionConflict(error: unknown): boolean {
  const { code } = (error ?? {}) as { code?: unknown };
  return code === '40P01' || code === '40001';
}

/** The sentence with which a process that was just started ends; null unless the database is refused as it is. */
export async function readDatabaseRefusal(db: {
  query(text: string): Promise<unknown>;
}): Promise<string | null> {
  try {
    await db.query('SELECT 1');
    return null;
  } catch (error) {
    return error instanceof DatabaseRefused ? error.message : null;
  }
}
