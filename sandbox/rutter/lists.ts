import { assumedCode, listLimitDefault, listLimitMax } from './assumptions.js';
import { invalidInput, type ApiRequest } from './http.js';
import type { Sandbox } from './sandbox.js';

export interface ListParameters {
  limit: number;
  /** The first item of this page, or undefined for the newest. */
  cursor: CursorPosition | undefined;
  updatedAtMinMs: number;
  updatedAtMaxMs: number;
  expandPlatformData: boolean;
}

interface CursorPosition {
  updatedAtMs: number;
  order: number;
}

/** An item of a list: lists are ordered by update, newest first, ties by age. */
export interface ListItem {
  updatedAtMs: number;
  order: number;
}

const defaultSort = 'updated_at DESC';

/** Reads the list parameters of bank feed lists. @throws ApiError 400 for anything a Sage connection does not support. */
export function readListParameters(sandbox: Sandbox, request: ApiRequest): ListParameters {
  const { query } = request;
  if (query.has('filter') && !sandbox.knobs.filterAllowed) {
    throw invalidInput('filter is not supported for this platform', assumedCode.notSupported);
  }
  if ((query.get('sort') ?? defaultSort) !== defaultSort) throw invalidInput(`sort must be "${defaultSort}"`);
  return {
    limit: readLimit(query.get('limit')),
    cursor: readCursor(query.get('cursor')),
    updatedAtMinMs: Math.max(readTime(query, 'updated_at_min', 0), readTime(query, 'last_synced_at_min', 0)),
    updatedAtMaxMs: readTime(query, 'updated_at_max', Number.MAX_SAFE_INTEGER),
    expandPlatformData: readExpand(query.get('expand')),
  };
}

/** `force_fetch` travels as text. @throws ApiError 400 for any other text. */
export function readForceFetch(query: URLSearchParams): boolean {
  const text = query.get('force_fetch') ?? 'false';
  if (text !== 'true' && text !== 'false') throw invalidInput('force_fetch must be "true" or "false"');
  return text === 'true';
}

/** @throws ApiError 400 for anything but `platform_data`. */
export function readExpand(text: string | null): boolean {
  if (text === null) return false;
  if (text !== 'platform_data') throw invalidInput('expand must be "platform_data"');
  return true;
}

/**
 * One page of `ascending` (sorted by updatedAtMs, then order), newest first, and the cursor of the next page or null.
 * Walks from the newest end, so a page costs its own length and not that of the list.
 */
export function page<T extends ListItem>(
  ascending: readonly T[],
  parameters: ListParameters,
): { items: T[]; nextCursor: string | null } {
  const from: CursorPosition = parameters.cursor ?? { updatedAtMs: Number.MAX_SAFE_INTEGER, order: Infinity };
  const top: CursorPosition = { updatedAtMs: parameters.updatedAtMaxMs, order: Infinity };
  let index = lastAtOrBefore(ascending, isBefore(from, top) ? from : top);
  const items: T[] = [];
  for (; index >= 0; index -= 1) {
    const item = ascending[index];
    if (item === undefined || item.updatedAtMs < parameters.updatedAtMinMs) break;
    if (items.length === parameters.limit) return { items, nextCursor: writeCursor(item) };
    items.push(item);
  }
  return { items, nextCursor: null };
}

function lastAtOrBefore(ascending: readonly ListItem[], position: CursorPosition): number {
  let low = 0;
  let high = ascending.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const item = ascending[middle];
    if (item !== undefined && !isBefore(position, item)) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

function isBefore(a: CursorPosition, b: CursorPosition): boolean {
  return a.updatedAtMs < b.updatedAtMs || (a.updatedAtMs === b.updatedAtMs && a.order < b.order);
}

/** Opaque to the client: base64 of the next item's time and number. */
function writeCursor(item: ListItem): string {
  return Buffer.from(`${item.updatedAtMs}:${item.order}`).toString('base64');
}

function readCursor(text: string | null): CursorPosition | undefined {
  if (text === null) return undefined;
  const match = /^(\d{1,16}):(\d{1,16})$/.exec(Buffer.from(text, 'base64').toString('latin1'));
  if (match === null) throw invalidInput('cursor is not one that Rutter gave out');
  return { updatedAtMs: Number(match[1]), order: Number(match[2]) };
}

function readLimit(text: string | null): number {
  if (text === null) return listLimitDefault;
  if (!/^[1-9]\d{0,5}$/.test(text)) throw invalidInput('limit must be a whole number of 1 or more');
  return Math.min(Number(text), listLimitMax);
}

function readTime(query: URLSearchParams, name: string, fallbackMs: number): number {
  const text = query.get(name);
  if (text === null) return fallbackMs;
  if (!/^\d{1,16}$/.test(text)) throw invalidInput(`${name} must be Unix milliseconds`);
  return Number(text);
}
