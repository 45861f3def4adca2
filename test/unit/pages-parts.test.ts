import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sha256Hex } from '../../src/crypto/hash.js';
import { html } from '../../src/pages/html.js';
import { isAnswerOf } from '../../src/pages/rutter/answer.js';
import { networkOf, waitSeconds } from '../../src/pages/sign-in/login-throttle.js';

describe('html', () => {
  test('text of whatever kind adds no tag and ends no attribute', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const { markup } = html`<p title="${text}">${[text]}</p>`;
        expect(markup.match(/</g)).toHaveLength(2);
        expect(markup.match(/"/g)).toHaveLength(2);
        expect(markup).not.toContain("'");
        const decoded = markup
          .replaceAll('&lt;', '<')
          .replaceAll('&gt;', '>')
          .replaceAll('&quot;', '"')
          .replaceAll('&#39;', "'")
          .replaceAll('&amp;', '&');
        expect(decoded).toBe(`<p title="${text}">${text}</p>`);
      }),
    );
  });

  test('markup stays markup, nothing stays nothing, zero is a number', () => {
    const list = [html`<b>${1}</b>`, html`<i>${0}</i>`];
    expect(html`${list}${null}${undefined}${false}`.markup).toBe('<b>1</b><i>0</i>');
  });
});

describe('where a stored redirect may lead', () => {
  const origin = 'https://link.rutterapi.com';
  const challenge = 'c-1';
  const check = (answer: string) =>
    isAnswerOf({ answer, handoffId: sha256Hex(challenge), allowedOrigins: [origin] });

  test('the address of this handoff passes', () => {
    expect(check(`${origin}/sage_redirect?challenge=c-1&otp=1`)).toBe(true);
  });

  test.each([
    `${origin}/sage_redirect?challenge=c-2&otp=1`,
    `${origin}/sage_redirect?challenge=c-1`,
    `${origin}/sage_redirect?challenge=c-1&otp=1&next=x`,
    `${origin}/sage_redirect?challenge=c-1&challenge=c-1&otp=1`,
    `${origin}/other?challenge=c-1&otp=1`,
    `${origin}.evil.example/sage_redirect?challenge=c-1&otp=1`,
    `https://evil.example/sage_redirect?challenge=c-1&otp=1`,
    `/sage_redirect?challenge=c-1&otp=1`,
  ])('%s does not', (answer) => {
    expect(check(answer)).toBe(false);
  });
});

describe('counting by source', () => {
  test.each([
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:DB8:1:2::9', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['unknown', 'unknown'],
  ])('%s counts as %s', (address, network) => {
    expect(networkOf(address)).toBe(network);
  });

  test('waits double from half a minute to a quarter of an hour', () => {
    expect([5, 6, 7, 8, 9, 10, 1_000].map(waitSeconds)).toEqual([30, 60, 120, 240, 480, 900, 900]);
  });
});
