/** Replaces a secret. */
export const redactionMark = '[redacted]';

/** A provider message is stored up to this length: enough to name a posting, small enough for a row. */
export const errorMessageMaxChars = 1_000;

/** Shorter secrets are not searched for literally: that would blank ordinary words. */
const secretCharsMin = 6;

const authorizationPattern = /\b(Basic|Bearer)\s+[A-Za-z0-9+/=._~-]+/gi;

export interface Redactor {
  /** Removes secrets from a text that may hold a URL, JSON or headers. */
  readonly text: (text: string, secrets?: readonly (string | undefined)[]) => string;
  /** Redacts, then truncates, so that no part of a secret is left at the end. The result may be stored in a row. */
  readonly message: (text: string, secrets?: readonly (string | undefined)[]) => string;
}

/**
 * Blanks parameters and JSON fields of these names, authorization values, matches of the patterns, and the secrets that
 * a call passes, anywhere in the text.
 *
 * @param input.names alternatives of a regular expression
 */
export function createRedactor(input: { names: string; patterns?: readonly RegExp[] }): Redactor {
  // In an encoded address a name follows `%3F` or `%26`, which is no word boundary.
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
      // Neither control characters nor half a surrogate pair: the message is stored in rows, and PostgreSQL refuses both.
      const storable = redactText(text, secrets).replace(/[\p{Cc}\p{Cs}]/gu, ' ');
      return Array.from(storable.slice(0, 2 * errorMessageMaxChars))
        .slice(0, errorMessageMaxChars)
        .join('');
    },
  };
}
