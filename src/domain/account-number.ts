/**
 * Account numbers as banks write them. A number may be masked: some of its digits are replaced, as in `****1234`,
 * `•••• 1234` or `XXXX-1234`. A masked number is shown and sent as it is, and never taken for a whole one.
 */

/** The longest account number: the 34 characters of an IBAN, with separators. */
export const numberLengthMax = 50;
/** Fewer letters and digits than these name no account. */
export const numberCharactersMin = 4;
/** As many of the last characters are shown of a number, to distinguish accounts. */
export const shownCharactersMax = 4;

const separators = /[\s ./-]/gu;
/** Characters that only ever stand for a hidden one. */
const maskCharacters = '*•●∙·‧⋅#…_';
const allowed = new RegExp(`^[A-Za-z0-9 \u00a0\u202f./${maskCharacters}-]+$`, 'u');
/** The letter x as a mask: from two on at the beginning, from three on elsewhere, before anything but a letter. */
const maskedLetters = /(?:^x{2,}|x{3,})(?![a-z])/gi;
const mask = '*';

export type AccountNumberProblem = 'forbidden_character' | 'too_short' | 'nothing_visible';

export interface AccountNumber {
  readonly masked: boolean;
  /** The last visible characters: four of a number, two of one that has only four. */
  readonly last4: string;
}

/** Reads a number of 1…`numberLengthMax` characters as a bank writes it. */
export function readAccountNumber(text: string): AccountNumber | { readonly problem: AccountNumberProblem } {
  if (!allowed.test(text)) return { problem: 'forbidden_character' };
  const plain = plainNumber(text);
  const visible = visibleEnd(plain);
  if (plain.includes(mask)) {
    if (visible === '') return { problem: 'nothing_visible' };
    return { masked: true, last4: visible.slice(-shownCharactersMax) };
  }
  if (plain.length < numberCharactersMin) return { problem: 'too_short' };
  return { masked: false, last4: lastCharacters(plain) };
}

/** Shown to distinguish accounts. A number of four characters shows only half, so that the rest stays secret. */
function lastCharacters(plain: string): string {
  return plain.slice(plain.length > shownCharactersMax ? -shownCharactersMax : -shownCharactersMax / 2);
}

/** The last characters of a number in whatever form a provider shows it; empty when it ends masked. */
export function shownEndOf(text: string): string {
  const plain = plainNumber(text);
  return plain.includes(mask) ? visibleEnd(plain).slice(-shownCharactersMax) : lastCharacters(plain);
}

/** The text for a problem, as the end of a sentence that begins with the field's name. */
export function describeNumberProblem(problem: AccountNumberProblem): string {
  switch (problem) {
    case 'forbidden_character':
      return 'must contain only letters, digits, blanks, . / - and characters that mask digits, such as * or •';
    case 'too_short':
      return `must have at least ${String(numberCharactersMin)} letters or digits`;
    case 'nothing_visible':
      return 'is masked, so it must end with the digits that it shows, such as ****1234';
    default:
      return problem satisfies never;
  }
}

/**
 * Whether two numbers can be of the same account: equal without separators and case or, when one of them is masked, as
 * far as both are visible from the end. An IBAN ends with the account number of its country, so that a number which is
 * the end of the other one is the same, too.
 */
export function sameAccountNumber(one: string, other: string): boolean {
  const [first, second] = [plainNumber(one), plainNumber(other)];
  if (first.includes(mask) || second.includes(mask)) {
    const [end, otherEnd] = [visibleEnd(first), visibleEnd(second)];
    return end.endsWith(otherEnd) || otherEnd.endsWith(end);
  }
  const [longer, shorter] = first.length < second.length ? [second, first] : [first, second];
  return longer === shorter || (isLikeIban(longer) && isPartOfIban(longer, shorter));
}

function isLikeIban(plain: string): boolean {
  return /^[A-Z]{2}\d{2}[A-Z0-9]{11,30}$/.test(plain);
}

function isPartOfIban(iban: string, plain: string): boolean {
  return plain.length >= numberCharactersMin && iban.endsWith(plain);
}

/** Capitals without separators; every hidden character is a `*`. */
function plainNumber(text: string): string {
  const joined = text.replace(separators, '');
  return joined
    .replace(maskedLetters, (run) => mask.repeat(run.length))
    .replace(new RegExp(`[${maskCharacters}]`, 'gu'), mask)
    .toUpperCase();
}

/** What is visible after the last hidden character; all of a number that hides nothing. */
function visibleEnd(plain: string): string {
  return plain.slice(plain.lastIndexOf(mask) + 1);
}
