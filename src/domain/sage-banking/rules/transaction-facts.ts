import { readDecimal, type ExactDecimal } from './exact-decimal.js';
import { memberText, narrativeOf } from './narrative.js';
import { wordPattern } from './rule-assumptions.js';
import { readPostedDate, type RuleDate } from './rule-date.js';
import type { RuleTransaction } from './rule.js';

/**
 * The values that conditions compare of one transaction, each read once for all rules of a set, and only when needed.
 * Null: the field is missing, null, empty or not readable.
 */
export interface TransactionFacts {
  narrative(): string | null;
  /** The narrative's words, each between single spaces; null without a narrative. */
  words(): string | null;
  amount(): ExactDecimal | null;
  posted(): RuleDate | null;
  text(path: string): string | null;
}

/** @param timeZone as in `readCriteriaDate` */
export function factsOf(transaction: RuleTransaction, timeZone: string | null = null): TransactionFacts {
  const narrative = once(() => narrativeOf(transaction));
  return {
    narrative,
    words: once(() => {
      const text = narrative();
      return text === null ? null : wordsOf(text);
    }),
    amount: once(() => readDecimal(transaction['transactionAmount'])),
    posted: once(() => readPostedDate(transaction['datePosted'], timeZone)),
    text: (path) => memberText(transaction, path),
  };
}

/** The words of a text, each between single spaces, so that consecutive whole words are a part of it. */
export function wordsOf(text: string): string {
  return ` ${(text.match(wordPattern) ?? []).join(' ')} `;
}

/** Whether the result of {@link wordsOf} holds no word. */
export function isWordless(words: string): boolean {
  return words.trim() === '';
}

/**
 * Whether `wanted` are consecutive whole words of `words`, both as {@link wordsOf} returns them. Searching for the first
 * letter instead of the space before it is twice as fast.
 */
export function holdsWords(words: string, wanted: string): boolean {
  const inner = wanted.slice(1, -1);
  for (let at = words.indexOf(inner); at !== -1; at = words.indexOf(inner, at + 1)) {
    if (words[at - 1] === ' ' && words[at + inner.length] === ' ') return true;
  }
  return false;
}

function once<T>(read: () => T): () => T {
  let known: { readonly value: T } | undefined;
  return () => (known ??= { value: read() }).value;
}
