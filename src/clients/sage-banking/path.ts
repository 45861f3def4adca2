import { SageRefused } from './errors.js';
import type { SageOperation } from './operations.js';

/** What can stand as one segment of a path and in a header. */
const idPattern = /^[\x21-\x7e]{1,200}$/;

/**
 * Ids come from callers and people too. What is no id of Sage's is not found, without asking: an empty one or one of dots
 * would name another resource (a rule called `..` is its account), and some characters no header can hold.
 *
 * @throws SageRefused with 404
 */
export function requireIds(operation: SageOperation, ids: readonly string[]): void {
  if (ids.every((id) => idPattern.test(id) && id !== '.' && id !== '..')) return;
  throw new SageRefused({ operation, httpStatus: 404, errorCode: null, errorMessage: null });
}

/** A path of fixed words and ids, each one segment. @throws SageRefused with 404 for what is no id */
export function pathOf(operation: SageOperation, segments: readonly string[]): string {
  requireIds(operation, segments);
  return segments.map((segment) => `/${encodeURIComponent(segment)}`).join('');
}
