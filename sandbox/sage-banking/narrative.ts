import { isObject } from './http.js';

/** The parts of a narrative, in the documented order (contract 9.2). */
const parts = [
  'narrative1',
  'narrative2',
  'name',
  'referenceNumber',
  'extendedName',
  'payee.payeeId',
  'checkNum',
];

/** Joined by one space, empty parts left out, ends trimmed (assumed, contract 9.2). */
export function narrativeOf(transaction: Record<string, unknown>): string {
  return parts
    .map((path) => textAt(transaction, path) ?? '')
    .filter((part) => part.trim() !== '')
    .join(' ')
    .trim();
}

/** The text at `name` or `outer.name`; undefined when it is missing, null or no text. */
export function textAt(transaction: Record<string, unknown>, path: string): string | undefined {
  const [outer = '', inner] = path.split('.');
  const parent = transaction[outer];
  const value = inner === undefined ? parent : isObject(parent) ? parent[inner] : undefined;
  return typeof value === 'string' ? value : undefined;
}

/** Words are runs of letters and digits of any script (assumed, contract 9.2). */
export function wordsOf(text: string): string[] {
  return text.split(/[^\p{L}\p{Nd}]+/u).filter((word) => word !== '');
}
