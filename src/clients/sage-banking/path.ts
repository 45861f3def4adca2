import { SageRefused } from './errors.js';
import type { SageOperation } from './operations.js';

/** Valid both as one segment of a path and in a header. */
const idPattern = /^[\x21-\x7e]{1,200}$/;

/**
 * Checks ids, which may come from callers and operators. An invalid one is answered as not found, without a request: an
 * empty id or one of dots would address another resource (the rule `..` is its account), and a header cannot hold all
 * characters.
 *
 * @throws SageRefused with 404
 */
export function requireIds(operation: SageOperation, ids: readonly string[]): void {
  if (ids.every((id) => idPattern.test(id) && id !== '.' && id !== '..')) return;
  throw new SageRefused({ operation, httpStatus: 404, errorCode: null, errorMessage: null });
}

/** A path of fixed names and ids, each one segment. @throws SageRefused with 404 for an invalid id */
export function pathOf(operation: SageOperation, segments: readonly string[]): string {
  requireIds(operation, segments);
  return segments.map((segment) => `/${encodeURIComponent(segment)}`).join('');
}
