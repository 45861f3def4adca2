import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

/** SHA-256 of the UTF-8 text or bytes, as 64 lower-case hex digits. */
export function sha256Hex(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

/** HMAC-SHA256 of the text (UTF-8) or bytes under a text key (UTF-8), in standard base64 with padding. */
export function hmacSha256Base64(key: string, data: string | Uint8Array): string {
  return createHmac('sha256', key).update(data).digest('base64');
}

/**
 * Whether two texts are equal, in a time that does not depend on where they differ.
 * Both are hashed first, so that texts of different lengths can be compared and their lengths do not show either.
 */
export function constantTimeEqual(left: string, right: string): boolean {
  const leftDigest = createHash('sha256').update(left).digest();
  const rightDigest = createHash('sha256').update(right).digest();
  return timingSafeEqual(leftDigest, rightDigest);
}
