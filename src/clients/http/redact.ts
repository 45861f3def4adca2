/** What stands in place of a secret. */
export const redactionMark = '[redacted]';

/** A provider's words are kept for people up to this length: enough to name a posting, small enough for a row. */
export const errorMessageMaxChars = 1_000;

/** A secret is searched for literally only from this length on; a shorter one would blank ordinary words. */
const secretCharsMin = 6;

const authorizationPattern = /\b(Basic|Bearer)\s+[A-Za-z0-9+/=._~-]+/gi;

export interface Redactor {
  /** Takes secrets out of a text that may hold a URL, JSON or headers. */
  readonly text: (text: string, secrets?: readonly (string | undefined)[]) => string;
  /** Redacts before it cuts, so that no half of a secret is left at the end; what is left may stand in a row. */
  readonly message: (text: string, secrets?: readonly (string | undefined)[]) => string;
}

/**
 * Blanks the parameters and JSON fields of these names, authorization values, what fits the patterns, and the secrets
 * that a call knows, wherever they stand.
 *
 * @param input.names alternatives of a regular expression
 */
export function createRedactor(input: { names: string; patterns?: readonly RegExp[] }): Redactor {
  // Encoded in another address, what stands before a name is the end of `%3F` or `%26`: no boundary of a word.
  const parameter = new RegExp(`(?:\\b|(?<=%3F|%26))(${input.names})(=|%3D)([^&\\s"'<>]*)`, 'gi');
  const jsonField = new RegExp(`("(?:${input.names})"\\s*:\\s*)"(?:[^"\\\\]|\\\\.)*"`, 'gi');
  const redactText: Redactor['text'] = (text, secrets = []) => {
    let redacted = text
      .replace(parameter, `$1$2${redactionMark}`)
      .replace(jsonField, `$1"${redactionMark}"`)
      .replace(authorizationPattern, `$1 ${redactionMark}`);
    for (const pattern of input.patterns ?? []) redacted = redacted.replace(pattern, redactionMark);
    for (const secret of secrets) {
      if (secret === undefined || secret.length < secretCharsMin) continue;
      redacted = redacted
        .replaceAll(secret, redactionMark)
        .replaceAll(encodeURIComponent(secret), redactionMark);
    }
    return redacted;
  };
  return {
    text: redactText,
    message: (text, secrets = []) => {
      // Neither control characters nor half a surrogate pair: the words go into rows, and PostgreSQL refuses both.
      const storable = redactText(text, secrets).replace(/[\p{Cc}\p{Cs}]/gu, ' ');
      return Array.from(storable.slice(0, 2 * errorMessageMaxChars))
        .slice(0, errorMessageMaxChars)
        .join('');
    },
  };
}
