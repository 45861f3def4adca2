import { createHmac } from 'node:crypto';
import { signingKeySuffix } from './assumptions.js';

export interface SignedRequest {
  readonly method: string;
  /** Whole, with its query. */
  readonly url: URL;
  /** The text whose UTF-8 bytes are sent. */
  readonly body?: string | undefined;
  /** At most 200 characters, used once. */
  readonly nonce: string;
}

/** `x-signature`: base64 of HMAC-SHA1 over the base string (contract 2.1). */
export function signatureOf(request: SignedRequest, signingKey: string): string {
  return createHmac('sha1', `${signingKey}${signingKeySuffix}`)
    .update(signatureBase(request))
    .digest('base64');
}

/** Four parts and always exactly three ampersands, without body and parameters too (contract 2.1). */
export function signatureBase({ method, url, body, nonce }: SignedRequest): string {
  const parameters = [...url.searchParams].map(([name, value]) => [encode(name), encode(value)] as const);
  if (body !== undefined && body !== '') {
    parameters.push(['body', encode(Buffer.from(body, 'utf8').toString('base64'))]);
  }
  const joined = parameters
    .sort(([left], [right]) => (left < right ? -1 : left > right ? 1 : 0))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
  const address = `${url.origin}${url.pathname}`.toLowerCase();
  return [method.toUpperCase(), encode(address), encode(joined), encode(nonce)].join('&');
}

/** RFC 3986: `encodeURIComponent` leaves five characters alone that must be encoded here. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
