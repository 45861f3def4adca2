import { sameAccountNumber } from '../account-number.js';

/**
 * Rutter cannot change name, number or currency of an account at Sage (contract 6.3), so what Sage shows may differ from
 * our account for ever. Pure: `src/db/rutter/account-differences.ts` reads and writes the rows.
 */

export const comparedFields = ['name', 'number', 'currency'] as const;
export type ComparedField = (typeof comparedFields)[number];

/** What Rutter answered of an account. Null: it did not say, so nothing is known to differ. */
export type ShownAccount = Readonly<Record<ComparedField, string | null>>;

/** Our account. */
export interface OwnAccount {
  readonly name: string;
  readonly currency: string;
  /** Each number under which it may have been published: number and IBAN. Empty: we know none. */
  readonly numbers: readonly string[];
}

/** The fields that Rutter shows otherwise than our account has them, in the order of {@link comparedFields}. */
export function differingFields(own: OwnAccount, shown: ShownAccount): ComparedField[] {
  return comparedFields.filter((field) => {
    const value = shown[field];
    return value !== null && !isSame(own, field, value);
  });
}

function isSame(own: OwnAccount, field: ComparedField, shown: string): boolean {
  switch (field) {
    case 'name':
      return comparableText(own.name) === comparableText(shown);
    case 'number':
      return own.numbers.length === 0 || own.numbers.some((number) => sameAccountNumber(number, shown));
    case 'currency':
      return own.currency === shown.trim().toUpperCase();
    default:
      return field satisfies never;
  }
}

/** A provider may write blanks and composed characters otherwise. */
function comparableText(text: string): string {
  return text.normalize('NFC').replace(/\s+/gu, ' ').trim();
}

export interface DifferenceEvents {
  /** Differ now, and did not before or were shown otherwise. */
  readonly began: readonly ComparedField[];
  /** Differed before and do so no more. */
  readonly ended: readonly ComparedField[];
}

/** What the timeline reports: each difference once, until what is shown changes or the difference ends. */
export function differenceEvents(
  before: { differing: readonly string[]; shown: ShownAccount },
  now: { differing: readonly ComparedField[]; shown: ShownAccount },
): DifferenceEvents {
  const isKnown = (field: ComparedField) =>
    before.differing.includes(field) && before.shown[field] === now.shown[field];
  return {
    began: now.differing.filter((field) => !isKnown(field)),
    ended: comparedFields.filter(
      (field) => before.differing.includes(field) && !now.differing.includes(field),
    ),
  };
}
