import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { createKeyEntry, parseKeyring } from '../../src/crypto/keyring.js';
import type { Keyring } from '../../src/crypto/keyring.js';

const base64Key = (): string => randomBytes(32).toString('base64');

function keyringOf(value: string): Keyring {
  const result = parseKeyring(value);
  if (!result.ok) throw new Error(result.problems.join());
  return result.keyring;
}

function problemsOf(value: string): string[] {
  const result = parseKeyring(value);
  return result.ok ? [] : result.problems;
}

test('the first key encrypts and every key of the list decrypts', () => {
  const keyring = keyringOf(`new:${base64Key()}, old:${base64Key()}`);
  expect(keyring.primary.id).toBe('new');
  expect(keyring.find('old')?.id).toBe('old');
  expect(keyring.find('other')).toBeUndefined();
});

test('a generated entry can be parsed, so that a fresh installation starts', () => {
  expect(keyringOf(createKeyEntry('local-1')).primary.id).toBe('local-1');
});

test('every problem of an invalid list is reported at once, by position', () => {
  const key = base64Key();
  const value = [
    'a:' + key,
    '',
    'nocolon',
    'b:c2hvcnQ=',
    'bad id:' + base64Key(),
    'a:' + base64Key(),
    'z:' + key,
  ];
  const problems = problemsOf(value.join(','));
  expect(problems).toEqual([
    'key 2: is empty',
    'key 3: has no ":" between key id and key',
    'key 4: is not base64 of exactly 32 bytes',
    'key 5: has a key id that is not 1 to 32 letters, digits, "_" or "-"',
    'key 6: repeats the key id of an earlier key',
    'key 7: repeats an earlier key under another id',
  ]);
});

test.each([
  ['a key without its id', () => base64Key()],
  ['a key of 31 bytes', () => `k:${randomBytes(31).toString('base64')}`],
  ['a key of 33 bytes', () => `k:${randomBytes(33).toString('base64')}`],
  ['a key in hex', () => `k:${randomBytes(32).toString('hex')}`],
  ['a key where the id belongs', () => `${base64Key()}:k`],
  ['nothing', () => ''],
  [
    'seventeen keys',
    () => Array.from({ length: 17 }, (_, index) => createKeyEntry(`k${String(index)}`)).join(),
  ],
])('%s is refused with a problem text that contains no part of it', (_, makeValue) => {
  const value = makeValue();
  const problems = problemsOf(value).join('\n');
  expect(problems).not.toBe('');
  for (const part of value.split(/[:,]/).filter((each) => each.length > 8)) {
    expect(problems).not.toContain(part.slice(0, 8));
  }
});

test('a logged keyring shows no key', () => {
  const key = base64Key();
  const keyring = keyringOf(`k:${key}`);
  const shown = inspect(keyring, { depth: 10 }) + JSON.stringify(keyring);
  expect(shown).not.toContain(key);
  expect(shown).not.toContain(Buffer.from(key, 'base64').toString('hex'));
});
