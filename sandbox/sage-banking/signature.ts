import { createHmac, timingSafeEqual } from 'node:crypto';

export interface SignedParts {
  method: string;
  /** Scheme, host and path as sent, without parameters. */
  url: string;
  query: URLSearchParams;
  /** The bytes as sent; empty = no body. */
  body: Buffer;
  nonce: string;
}

/** Documented suffix of the HMAC key (contract 2.1). */
const keySuffix = '&null';

/** Base64 of HMAC-SHA1 over the base string (contract 2.1). */
export function signatureOf(parts: SignedParts, signingKey: string): string {
  return createHmac('sha1', `${signingKey}${keySuffix}`).update(baseString(parts)).digest('base64');
}

/** Four parts and exactly three ampersands, even with no body and no parameters (contract 2.1). */
export function baseString({ method, url, query, body, nonce }: SignedParts): string {
  const parameters: [name: string, value: string][] = [...query].map(([name, value]) => [
    encode(name),
    encode(value),
  ]);
  if (body.length > 0) parameters.push(['body', encode(body.toString('base64'))]);
  const joined = parameters
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
  return [method.toUpperCase(), encode(url.toLowerCase()), encode(joined), encode(nonce)].join('&');
}

export function sameSignature(given: string, expected: string): boolean {
  const a = Buffer.from(given);
  const b = Buffer.from(expected);
  return a.length === b.length && timingSafeEqual(a, b);
}

/** RFC 3986: encodeURIComponent leaves five characters alone that must not be. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
