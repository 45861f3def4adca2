import { expect, test } from 'vitest';
import { parseRetryAfter, readRetryAfter, retryAfterMaxMs } from '../../../src/clients/http/retry-after.js';
import { errorMessageMaxChars } from '../../../src/clients/http/redact.js';
import { redactMessage, redactText } from '../../../src/clients/rutter/redact.js';
import { verifyRutterSignature } from '../../../src/clients/rutter/webhook-signature.js';

const token = '0d1b5a5e-7e8e-4b3c-9a57-3f1c2a9d4e60';

test.each([
  `https://x.test/versioned/jobs?access_token=${token}&limit=5`,
  `redirect to https%3A%2F%2Fx.test%3Faccess_token%3D${token}`,
  `{"access_token": "${token}", "a": 1}`,
  `{"new_access_token":"${token}"}`,
  `Authorization: Basic ${Buffer.from(token).toString('base64')} ${token}`,
  `the token ${token} was refused`,
])('a token is removed by redaction: %s', (text) => {
  const redacted = redactText(text, [token]);
  expect(redacted).not.toContain(token);
  expect(redacted).not.toContain(Buffer.from(token).toString('base64'));
  expect(redacted).toContain('[redacted]');
});

test('a secret parameter is redacted in a nested address too', () => {
  const text = 'to https%3A%2F%2Fx.test%3Fotp%3D482913%26challenge%3Dabc';
  expect(redactText(text)).toBe('to https%3A%2F%2Fx.test%3Fotp%3D[redacted]');
});

test('secret parameters and fields are redacted without knowing their values', () => {
  const text = 'GET /x?otp=482913&challenge=abc&limit=5 {"secret":"s","public_token":"p","name":"n"}';
  expect(redactText(text)).toBe(
    'GET /x?otp=[redacted]&challenge=[redacted]&limit=5 {"secret":"[redacted]","public_token":"[redacted]","name":"n"}',
  );
});

test('a message is redacted before it is truncated, so that no part of a token is left at its end', () => {
  const message = redactMessage('m'.repeat(errorMessageMaxChars - 10) + token, [token]);
  expect(message.length).toBe(errorMessageMaxChars);
  expect(message).not.toContain(token.slice(0, 6));
});

const nowMs = Date.parse('2026-02-03T09:00:00Z');

test.each([
  ['3', 3_000],
  [' 10 ', 10_000],
  ['Tue, 03 Feb 2026 09:00:07 GMT', 7_000],
  ['1000000000', retryAfterMaxMs],
  ['Tue, 03 Feb 2099 09:00:07 GMT', retryAfterMaxMs],
  ['0', undefined],
  ['-1', undefined],
  ['1.5', undefined],
  ['soon', undefined],
  ['', undefined],
  [null, undefined],
  ['Tue, 03 Feb 2026 08:59:00 GMT', undefined],
  ['99999999999999999999', undefined],
])('Retry-After "%s" is a wait of %s ms', (header, waitMs) => {
  expect(parseRetryAfter({ header, nowMs })).toBe(waitMs);
});

test.each([
  ['the same time', 'Tue, 03 Feb 2026 09:00:00 GMT'],
  ['an hour ahead of ours', 'Tue, 03 Feb 2026 10:00:00 GMT'],
  ['an hour behind ours', 'Tue, 03 Feb 2026 08:00:00 GMT'],
])('a date in Retry-After is compared with the clock of its sender: %s', (_, date) => {
  const inSeconds = (seconds: number) => new Date(Date.parse(date) + seconds * 1_000).toUTCString();
  const wait = (seconds: number) =>
    readRetryAfter(new Headers({ date, 'retry-after': inSeconds(seconds) }), nowMs);
  expect(wait(7)).toBe(7_000);
  expect(wait(-1)).toBeUndefined();
});

test('without the time of its sender a date in Retry-After is compared with our clock', () => {
  const header = 'Tue, 03 Feb 2026 09:00:07 GMT';
  expect(readRetryAfter(new Headers({ 'retry-after': header }), nowMs)).toBe(7_000);
  expect(readRetryAfter(new Headers({ date: 'soon', 'retry-after': header }), nowMs)).toBe(7_000);
  expect(readRetryAfter(new Headers({ 'retry-after': '3' }), nowMs)).toBe(3_000);
});

/** The test vector of the contract, section 16. */
const secret = 'rs_test_7c1d94e2b0a84f4f';
const rawBody = Buffer.from(
  '{"type":"CONNECTION","code":"CONNECTION_NEEDS_UPDATE","connection_id":"5b0f6f0e-2f0c-4a51-9c0b-6a1de1d3a6f7","access_token":"0d1b5a5e-7e8e-4b3c-9a57-3f1c2a9d4e60","update_url":"https://link.rutterapi.com/connection/5b0f6f0e-2f0c-4a51-9c0b-6a1de1d3a6f7"}',
);
const header = 'sha256=WJp2ZDtwvb4BB+99T/dAR43KY4EbC27pQ+YC4InyH/w=';

test('a webhook signed by Rutter is accepted, also during a rotation of the secrets', () => {
  expect(verifyRutterSignature({ rawBody, header, secrets: [secret] })).toBe(true);
  expect(verifyRutterSignature({ rawBody, header, secrets: ['next', secret] })).toBe(true);
});

test.each([
  ['another secret', { secrets: ['another'] }],
  ['no secret', { secrets: [] }],
  ['an empty secret', { secrets: [''] }],
  ['one byte more', { rawBody: Buffer.concat([rawBody, Buffer.from('\n')]) }],
  ['no header', { header: undefined }],
  ['two headers', { header: [header, header] }],
  ['an empty header', { header: '' }],
  ['no prefix', { header: header.slice('sha256='.length) }],
  ['hex for base64', { header: `sha256=${Buffer.from(header.slice(7), 'base64').toString('hex')}` }],
])('a webhook with %s is refused', (_, change) => {
  expect(verifyRutterSignature({ rawBody, header, secrets: [secret], ...change })).toBe(false);
});

test('a message contains nothing that PostgreSQL rejects: no control character, no lone surrogate', () => {
  const message = redactMessage('bad\u0000 input ' + '\u{1F600}'.repeat(errorMessageMaxChars));
  expect(message.startsWith('bad  input ')).toBe(true);
  expect(message).not.toMatch(/\p{Cs}/u);
});
