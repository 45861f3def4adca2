import { expect, test } from 'vitest';
import { sageOriginOf } from '../../../src/pages/rutter/back-to-sage.js';

const config = {
  SAGE_FRAME_ANCESTORS: ['https://*.sage.com', 'https://accounting.example', 'http://localhost:8092'],
};

test.each([
  ['https://app.sage.com', 'https://app.sage.com'],
  ['https://a.b.sage.com', 'https://a.b.sage.com'],
  ['https://accounting.example', 'https://accounting.example'],
  ['http://localhost:8092', 'http://localhost:8092'],
])('the way back to %s is known', (origin, expected) => {
  expect(sageOriginOf(origin, config)).toBe(expected);
});

test.each([
  [null],
  [''],
  ['null'],
  ['https://sage.com'],
  ['https://sage.com.evil.example'],
  ['https://evilsage.com'],
  ['http://app.sage.com'],
  ['https://app.sage.com:8443'],
  ['https://sub.accounting.example'],
  ['http://localhost:8093'],
  ['javascript:alert(1)'],
])('no way back leads to %s', (origin) => {
  expect(sageOriginOf(origin, config)).toBeNull();
});
