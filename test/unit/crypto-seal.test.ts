import fc from 'fast-check';
import { expect, test } from 'vitest';
import { constantTimeEqual, hmacSha256Base64, sha256Hex } from '../../src/crypto/hash.js';
import { createKeyEntry, parseKeyring } from '../../src/crypto/keyring.js';
import type { Keyring } from '../../src/crypto/keyring.js';
import { open, openIfReadable, seal, UnsealError } from '../../src/crypto/seal.js';

const oldKey = createKeyEntry('old');
const newKey = createKeyEntry('new');
const keyring = ring(oldKey);
const context = { table: 'connections', row: '7f0e' };

function ring(value: string): Keyring {
  const result = parseKeyring(value);
  if (!result.ok) throw new Error(result.problems.join());
  return result.keyring;
}

function reasonOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof UnsealError) return error.reason;
    throw error;
  }
  return 'opened';
}

test('a sealed text opens to the same text', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      expect(open(keyring, seal(keyring, text, context), context)).toBe(text);
    }),
  );
});

test('the same text sealed twice is different, so that equal secrets cannot be recognized', () => {
  expect(seal(keyring, 'token', context)).not.toBe(seal(keyring, 'token', context));
});

test('the sealed text names its key and contains no part of the secret', () => {
  const sealed = seal(keyring, 'secret-token', context);
  expect(sealed).toMatch(/^v1\.old\.[A-Za-z0-9_-]+$/);
  expect(Buffer.from(sealed.split('.')[2] ?? '', 'base64url').toString('latin1')).not.toContain('secret');
});

test.each([
  ['another row', { table: 'connections', row: '7f0f' }],
  ['another table', { table: 'handoffs', row: '7f0e' }],
  ['another column of the row', { table: 'connections', row: '7f0e', column: 'link' }],
  ['a table and row that join to the same text', { table: 'connections7', row: 'f0e' }],
])('a value moved to %s does not open', (_, elsewhere) => {
  const sealed = seal(keyring, 'token', context);
  expect(reasonOf(() => open(keyring, sealed, elsewhere))).toBe('not_authentic');
});

test('a value with any single bit flipped does not open', () => {
  const sealed = seal(keyring, 'token', context);
  const box = Buffer.from(sealed.split('.')[2] ?? '', 'base64url');
  for (let bit = 0; bit < box.length * 8; bit += 1) {
    const turned = Buffer.from(box);
    turned[bit >> 3] = (turned[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    const damaged = `v1.old.${turned.toString('base64url')}`;
    expect(reasonOf(() => open(keyring, damaged, context))).toBe('not_authentic');
  }
});

test('after a rotation old values open, new ones use the new key, and without the old key they are refused', () => {
  const sealed = seal(keyring, 'token', context);
  const rotated = ring(`${newKey},${oldKey}`);
  expect(open(rotated, sealed, context)).toBe('token');
  expect(seal(rotated, 'token', context)).toMatch(/^v1\.new\./);
  expect(reasonOf(() => open(ring(newKey), sealed, context))).toBe('unknown_key');
});

test('a value whose key id was replaced does not open', () => {
  const both = ring(`${oldKey},${newKey}`);
  const sealed = seal(both, 'token', context).replace('v1.old.', 'v1.new.');
  expect(reasonOf(() => open(both, sealed, context))).toBe('not_authentic');
});

test.each([
  '',
  'v1',
  'v1.old',
  'v2.old.AAAA',
  'v1.old.AAAA',
  'v1.old.A*A',
  'v1.old.AAAA.AAAA',
  'plain token',
])('text that is no sealed value is refused as malformed: "%s"', (text) => {
  expect(reasonOf(() => open(keyring, text, context))).toBe('malformed');
});

test('no error of opening contains the value or the text', () => {
  const sealed = seal(keyring, 'secret-token', context);
  try {
    open(keyring, sealed, { ...context, row: 'other' });
    expect.unreachable();
  } catch (error) {
    expect(String(error) + String((error as Error).stack)).not.toContain(sealed.slice(8, 30));
  }
});

test('text that could not be restored exactly is not sealed', () => {
  expect(() => seal(keyring, 'half a \ud83d', context)).toThrow(RangeError);
});

test('hashes and signatures match the standard test vectors', () => {
  expect(sha256Hex('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  // RFC 4231, test case 2.
  expect(
    Buffer.from(hmacSha256Base64('Jefe', 'what do ya want for nothing?'), 'base64').toString('hex'),
  ).toBe('5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843');
});

test('texts of any length are compared completely', () => {
  expect(constantTimeEqual('same', 'same')).toBe(true);
  expect(constantTimeEqual('same', 'samE')).toBe(false);
  expect(constantTimeEqual('same', 'same ')).toBe(false);
  expect(constantTimeEqual('', 'x')).toBe(false);
});

test('what cannot be opened for display says why, and everything else throws', () => {
  const sealed = seal(keyring, 'shown', context);
  expect(openIfReadable(keyring, sealed, context)).toEqual({ text: 'shown', unreadable: null });
  expect(openIfReadable(ring(newKey), sealed, context)).toEqual({ text: null, unreadable: 'unknown_key' });
  expect(openIfReadable(keyring, sealed, { ...context, row: 'other' }).unreadable).toBe('not_authentic');
  expect(openIfReadable(keyring, 'shown', context).unreadable).toBe('malformed');
  const broken = {
    primary: keyring.primary,
    find: () => {
      throw new TypeError('bug');
    },
  };
  expect(() => openIfReadable(broken, sealed, context)).toThrow('bug');
});
