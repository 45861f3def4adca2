import { createSecretKey, randomBytes } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

/** Bytes of an AES-256 key. */
export const keyBytes = 32;
/** Keys a ring may hold: the one in use and those still needed to read older data. */
export const keysMax = 16;

const keyIdPattern = /^[A-Za-z0-9_-]{1,32}$/;
const base64Pattern = /^[A-Za-z0-9+/]{43}=$/;

/** One named key. `KeyObject` never shows its material when it is logged or inspected. */
export interface NamedKey {
  readonly id: string;
  readonly key: KeyObject;
}

/** The service's keys: `primary` encrypts, every key decrypts. */
export interface Keyring {
  readonly primary: NamedKey;
  find(keyId: string): NamedKey | undefined;
}

export type KeyringResult = { ok: true; keyring: Keyring } | { ok: false; problems: string[] };

/**
 * Reads the value of `ENCRYPTION_KEYS`: `keyid:base64(32 bytes)`, comma-separated. The first key encrypts, all decrypt.
 *
 * Every problem is reported at once, by the position of its entry and never by its text: a mistyped entry may be
 * nothing but key material.
 */
export function parseKeyring(value: string): KeyringResult {
  const entries = value.split(',').map((entry) => entry.trim());
  if (entries.length > keysMax) {
    return { ok: false, problems: [`holds ${String(entries.length)} keys, more than ${String(keysMax)}`] };
  }
  const keys: NamedKey[] = [];
  const problems: string[] = [];
  entries.forEach((entry, index) => {
    const result = parseEntry(entry, keys);
    if (typeof result === 'string') problems.push(`key ${String(index + 1)}: ${result}`);
    else keys.push(result);
  });
  const [primary] = keys;
  if (problems.length > 0 || primary === undefined) return { ok: false, problems };
  const byId = new Map(keys.map((key) => [key.id, key]));
  return { ok: true, keyring: { primary, find: (keyId) => byId.get(keyId) } };
}

/** A fresh random key as one entry of `ENCRYPTION_KEYS`. It is a secret. */
export function createKeyEntry(keyId: string): string {
  if (!keyIdPattern.test(keyId)) throw new RangeError('a key id is 1 to 32 letters, digits, "_" or "-"');
  return `${keyId}:${randomBytes(keyBytes).toString('base64')}`;
}

function parseEntry(entry: string, earlier: readonly NamedKey[]): NamedKey | string {
  if (entry === '') return 'is empty';
  const colon = entry.indexOf(':');
  if (colon < 0) return 'has no ":" between key id and key';
  const id = entry.slice(0, colon);
  const encoded = entry.slice(colon + 1);
  if (!keyIdPattern.test(id)) return 'has a key id that is not 1 to 32 letters, digits, "_" or "-"';
  // 32 bytes are 43 base64 digits and one "=", so the pattern is also the check of the length.
  if (!base64Pattern.test(encoded)) return `is not base64 of exactly ${String(keyBytes)} bytes`;
  const key = createSecretKey(Buffer.from(encoded, 'base64'));
  if (earlier.some((other) => other.id === id)) return 'repeats the key id of an earlier key';
  if (earlier.some((other) => other.key.equals(key))) return 'repeats an earlier key under another id';
  return { id, key };
}
