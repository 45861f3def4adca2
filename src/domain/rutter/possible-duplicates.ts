/**
 * Postings that may be in Sage already: an account that replaces another often brings the old one's history with it, under
 * new ids. Pure; `src/db/rutter/possible-duplicates.ts` reads what is compared and holds what is found.
 */

/** The content of a posting as far as two systems of a bank write it alike. */
export interface ComparablePosting {
  readonly transactionId: string;
  /** `YYYY-MM-DD`. */
  readonly bookingDay: string;
  /** Decimal text, with or without trailing zeros. */
  readonly amount: string;
  readonly description: string;
  readonly payee: string | null;
}

/** A delivered posting of a replaced account. */
export interface Original extends ComparablePosting {
  readonly accountId: string;
}

/**
 * Which of the postings equal a delivered one: same booking day, amount and text. Each delivered one is matched once, so
 * that of three equal payments of which two were delivered the third one is new. The payee is part of the text where both
 * have one; an equal payee is preferred to a missing one. Answers the matches by transaction id.
 */
export function matchPossibleDuplicates(input: {
  readonly candidates: readonly ComparablePosting[];
  readonly originals: readonly Original[];
}): ReadonlyMap<string, Original> {
  const free = new Map<string, Original[]>();
  for (const original of input.originals) {
    const key = keyOf(original);
    free.set(key, [...(free.get(key) ?? []), original]);
  }
  const matches = new Map<string, Original>();
  for (const fits of [hasSamePayee, mayHaveSamePayee]) {
    for (const candidate of input.candidates) {
      if (matches.has(candidate.transactionId)) continue;
      const alike = free.get(keyOf(candidate)) ?? [];
      const index = alike.findIndex((original) => fits(candidate, original));
      const [match] = index === -1 ? [] : alike.splice(index, 1);
      if (match !== undefined) matches.set(candidate.transactionId, match);
    }
  }
  return matches;
}

function keyOf({ bookingDay, amount, description }: ComparablePosting): string {
  return JSON.stringify([bookingDay, canonicalAmount(amount), comparableText(description)]);
}

function hasSamePayee(left: ComparablePosting, right: ComparablePosting): boolean {
  return comparableText(left.payee ?? '') === comparableText(right.payee ?? '');
}

function mayHaveSamePayee(left: ComparablePosting, right: ComparablePosting): boolean {
  return left.payee === null || right.payee === null || hasSamePayee(left, right);
}

/** Blanks, line ends and Unicode forms differ between systems, and change nothing that a person reads. */
function comparableText(text: string): string {
  return text.normalize('NFC').replace(/\s+/gu, ' ').trim();
}

function canonicalAmount(amount: string): string {
  const plain = amount.includes('.') ? amount.replace(/0+$/, '').replace(/\.$/, '') : amount;
  return plain === '-0' ? '0' : plain;
}
