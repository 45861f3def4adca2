/**
 * What texts and ids from outside may hold. PostgreSQL cannot store NUL, and UTF-8 cannot carry a lone surrogate:
 * both are refused with an error rather than changed silently. Everything else is kept exactly as it was received (emoji,
 * right-to-left marks, markup): the code that displays it must escape it.
 *
 * Lengths count UTF-16 units, as Java, .NET and JavaScript do: an emoji is two or more. What the provider counts is not
 * known; whether code points or units, a text that we accept is not too long for it.
 */

/** `Cc` are the control characters, `Cs` surrogates without their other half. */
const forbiddenInId = /[\p{Cc}\p{Cs}]/u;
/** A text may have several lines and tabs. */
const forbiddenInText = /(?![\t\n\r])[\p{Cc}\p{Cs}]/u;
/** Neither space nor one of the characters that Unicode shows as nothing (joiners, marks of direction, fillers). */
const visible = /[^\p{White_Space}\p{Default_Ignorable_Code_Point}\p{Cc}\p{Cf}]/u;

export type TextProblem =
  | 'not_a_text'
  | 'empty'
  | 'too_long'
  | 'forbidden_character'
  | 'surrounded_by_whitespace';

/**
 * An id of 1…`lengthMax` characters, compared by its exact bytes. White space around it is refused:
 * a provider that trims it would merge two ids into one.
 */
export function idProblem(value: unknown, lengthMax: number): TextProblem | null {
  if (typeof value !== 'string') return 'not_a_text';
  if (value === '') return 'empty';
  if (value.length > lengthMax) return 'too_long';
  if (forbiddenInId.test(value)) return 'forbidden_character';
  return value.trim() === value ? null : 'surrounded_by_whitespace';
}

/** A text of 1…`lengthMax` characters with at least one that can be seen. */
export function textProblem(value: unknown, lengthMax: number): TextProblem | null {
  if (typeof value !== 'string') return 'not_a_text';
  if (value.length > lengthMax) return 'too_long';
  if (forbiddenInText.test(value)) return 'forbidden_character';
  return visible.test(value) ? null : 'empty';
}

/** The text for a problem, as the end of a sentence that begins with the field's name. */
export function describeTextProblem(problem: TextProblem, lengthMax: number): string {
  switch (problem) {
    case 'not_a_text':
      return 'must be a string';
    case 'empty':
      return 'must not be empty';
    case 'too_long':
      return `must have at most ${lengthMax} characters`;
    case 'forbidden_character':
      return 'holds a control character or a broken Unicode character';
    case 'surrounded_by_whitespace':
      return 'must not begin or end with white space';
    default:
      return problem satisfies never;
  }
}
