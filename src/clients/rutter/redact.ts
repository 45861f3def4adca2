/** What stands in place of a secret. */
export const REDACTED = '[redacted]';

/** Rutter's words are kept for people up to this length: enough to name a posting, small enough for a row. */
export const ERROR_MESSAGE_MAX_CHARS = 1_000;

/** A secret is looked for literally only from this length on; a shorter one would blank ordinary words. */
const SECRET_CHARS_MIN = 6;

const PARAMETER =
  /\b((?:new_)?access_token|public_token|client_secret|secret|otp|challenge)(=|%3D)([^&\s"'<>]*)/gi;
const JSON_FIELD =
  /("(?:new_)?(?:access_token|public_token|client_secret|secret|otp|challenge)"\s*:\s*)"(?:[^"\\]|\\.)*"/gi;
const AUTHORIZATION = /\b(Basic|Bearer)\s+[A-Za-z0-9+/=._~-]+/gi;

/**
 * Takes secrets out of a text that may hold a URL, JSON or headers: the parameters and fields that carry tokens at
 * Rutter (contract 1: `access_token` travels in URLs), authorization values, and the given secrets wherever they stand.
 */
export function redactText(text: string, secrets: readonly (string | undefined)[] = []): string {
  let redacted = text
    .replace(PARAMETER, `$1$2${REDACTED}`)
    .replace(JSON_FIELD, `$1"${REDACTED}"`)
    .replace(AUTHORIZATION, `$1 ${REDACTED}`);
  for (const secret of secrets) {
    if (secret === undefined || secret.length < SECRET_CHARS_MIN) continue;
    redacted = redacted.replaceAll(secret, REDACTED).replaceAll(encodeURIComponent(secret), REDACTED);
  }
  return redacted;
}

/** Redacts before it cuts, so that no half of a secret is left at the end. */
export function redactMessage(text: string, secrets: readonly (string | undefined)[] = []): string {
  // Neither control characters nor half a surrogate pair: the words go into rows, and PostgreSQL refuses both.
  const storable = redactText(text, secrets).replace(/[\p{Cc}\p{Cs}]/gu, ' ');
  return Array.from(storable.slice(0, 2 * ERROR_MESSAGE_MAX_CHARS))
    .slice(0, ERROR_MESSAGE_MAX_CHARS)
    .join('');
}
