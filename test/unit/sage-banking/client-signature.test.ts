import { expect, test } from 'vitest';
import { signatureBase, signatureOf } from '../../../src/clients/sage-banking/signature.js';

/**
 * Our own test vectors: bases written by hand from the contract (contract 2.1), signatures by
 * `openssl dgst -sha1 -hmac "<key>&null" -binary | base64`, bodies by `base64`.
 */
const vectors = [
  {
    name: 'a body',
    key: 'sk_test_2f6b8c1e90d74a55',
    method: 'POST',
    url: 'https://qa.sagebankdrive.com/api/v1/organisations',
    body: '{"company":{"name":"Harbour Cafe"}}',
    nonce: '5b8a7c1e-0f3d-4e62-9a41-7d2c6b1f0e93',
    base: 'POST&https%3A%2F%2Fqa.sagebankdrive.com%2Fapi%2Fv1%2Forganisations&body%3DeyJjb21wYW55Ijp7Im5hbWUiOiJIYXJib3VyIENhZmUifX0%253D&5b8a7c1e-0f3d-4e62-9a41-7d2c6b1f0e93',
    signature: 'WfhhSM+l+FCHpE9wzp5c0tRqSIE=',
  },
  {
    name: 'neither body nor query, and capitals in the path',
    key: 'sk_test_2f6b8c1e90d74a55',
    method: 'post',
    url: 'https://api-money.sage.com/auth-v1/accessToken',
    nonce: '5b8a7c1e-0f3d-4e62-9a41-7d2c6b1f0e93',
    base: 'POST&https%3A%2F%2Fapi-money.sage.com%2Fauth-v1%2Faccesstoken&&5b8a7c1e-0f3d-4e62-9a41-7d2c6b1f0e93',
    signature: 'rL6rPN3XbAQVXHgQPmyHIorEFMk=',
  },
  {
    name: 'a body and a key that are not ASCII',
    key: 'key-of-zoë',
    method: 'POST',
    url: 'https://qa.sagebankdrive.com/api/v1/organisations',
    body: '{"company":{"name":"Café Zoë £ 😀"}}',
    nonce: 'n-1',
    base: 'POST&https%3A%2F%2Fqa.sagebankdrive.com%2Fapi%2Fv1%2Forganisations&body%3DeyJjb21wYW55Ijp7Im5hbWUiOiJDYWbDqSBab8OrIMKjIPCfmIAifX0%253D&n-1',
    signature: 'exZuLczwvD2QwIAHr7WoxjmFYmk=',
  },
  {
    name: "a nonce with the five characters that encodeURIComponent leaves alone (! ' ( ) *)",
    key: 'k',
    method: 'GET',
    url: 'https://qa.sagebankdrive.com/api/v1/accesstoken',
    nonce: "it's (so) *new*! ~ok",
    base: 'GET&https%3A%2F%2Fqa.sagebankdrive.com%2Fapi%2Fv1%2Faccesstoken&&it%27s%20%28so%29%20%2Anew%2A%21%20~ok',
    signature: 'HyyOvF8TW9QcTZkRnoG+X1SDVgo=',
  },
  {
    name: 'query parameters out of order, with the same five characters',
    key: 'k',
    method: 'GET',
    url: "https://qa.sagebankdrive.com/api/v1/banks?topBanks=true&name=O'Neill%20%26%20(Sons)%20*%20caf%C3%A9&limit=100",
    nonce: 'n-2',
    base: 'GET&https%3A%2F%2Fqa.sagebankdrive.com%2Fapi%2Fv1%2Fbanks&limit%3D100%26name%3DO%2527Neill%2520%2526%2520%2528Sons%2529%2520%252A%2520caf%25C3%25A9%26topBanks%3Dtrue&n-2',
    signature: 'ji89pkfWMZNaSt0+tI/e5EtIeo8=',
  },
  {
    name: 'a body among query parameters, its base64 with plus and slash, and a port',
    key: 'k',
    method: 'POST',
    url: 'http://127.0.0.1:8091/api/v1/things?z=%2B%2F%3D&a=x+y',
    body: '{"q":"???>>>"}',
    nonce: 'n-3',
    base: 'POST&http%3A%2F%2F127.0.0.1%3A8091%2Fapi%2Fv1%2Fthings&a%3Dx%2520y%26body%3DeyJxIjoiPz8%252FPj4%252BIn0%253D%26z%3D%252B%252F%253D&n-3',
    signature: 'wOCkpcQjvT4ai4btTLJZxA/YhdU=',
  },
];

test.each(vectors)(
  'a request with $name is signed as in the contract',
  ({ key, base, signature, ...sent }) => {
    const request = { ...sent, url: new URL(sent.url) };
    expect(signatureBase(request)).toBe(base);
    expect(signatureOf(request, key)).toBe(signature);
  },
);

test('the signature base has exactly three ampersands for any request', () => {
  for (const { name: _name, key: _key, base: _base, signature: _signature, ...sent } of vectors) {
    const hostile = { ...sent, url: new URL(sent.url), nonce: 'a&b&c' };
    expect(signatureBase(hostile).split('&')).toHaveLength(4);
  }
});
