import { constantTimeEqual, hmacSha256Base64 } from '../../crypto/hash.js';

const signaturePrefix = 'sha256=';

/**
 * Whether `X-Rutter-Signature` fits the webhook (contract 13): `sha256=` and base64 of HMAC-SHA256 over the raw body
 * (that the bytes as sent are meant is our assumption), keyed with the organisation's client secret, and not a separate
 * webhook secret.
 *
 * @param input.rawBody the body's bytes before any parsing
 * @param input.header the header as received; `undefined` when absent, a list when it was sent twice (then refused)
 * @param input.secrets the secrets in force, more than one while they are being rotated
 */
export function verifyRutterSignature(input: {
  rawBody: Uint8Array;
  header: string | readonly string[] | undefined;
  secrets: readonly string[];
}): boolean {
  const { header } = input;
  if (typeof header !== 'string' || !header.startsWith(signaturePrefix)) return false;
  let matches = false;
  // Every secret is tried even after a match, so that the time taken does not show which one it was.
  for (const secret of input.secrets) {
    if (secret === '') continue;
    const expected = signaturePrefix + hmacSha256Base64(secret, input.rawBody);
    if (constantTimeEqual(header, expected)) matches = true;
  }
  return matches;
}
