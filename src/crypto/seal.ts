import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { Keyring } from './keyring.js';

/** 96 bits, the nonce length for which GCM is specified (NIST SP 800-38D); at most 2^32 random ones per key. */
export const nonceBytes = 12;
/** The full 128-bit authentication tag; shorter ones are refused on opening. */
export const tagBytes = 16;

const sealFormat = 'v1';
const cipherName = 'aes-256-gcm';

/** Where a sealed value is stored. It opens only there: a ciphertext copied to another row is refused. */
export interface SealContext {
  /** Name of the table. */
  readonly table: string;
  /** Id of the row, as text. */
  readonly row: string;
  /** Needed when the row has several sealed columns, so that one cannot be exchanged for the other. */
  readonly column?: string;
}

/** A sealed text, to be stored as `text`: `v1.<key id>.<base64url(nonce, ciphertext, tag)>`. */
export type Sealed = string & { readonly sealed: unique symbol };

/** A lost key, an altered value, or one of another row. */
export const unsealReasons = ['malformed', 'unknown_key', 'not_authentic'] as const;

/** Why a sealed value did not open. The message names neither the value nor a key. */
export class UnsealError extends Error {
  readonly kind = 'unseal';
  constructor(readonly reason: (typeof unsealReasons)[number]) {
    super(`a sealed value did not open: ${reason}`);
    this.name = 'UnsealError';
  }
}

/**
 * Encrypts a text with AES-256-GCM under the ring's primary key and a fresh random nonce, bound to its table and row.
 *
 * @throws RangeError when the text is not well-formed Unicode and so would not come back as it was
 */
export function seal(keyring: Keyring, plaintext: string, context: SealContext): Sealed {
  const clear = Buffer.from(plaintext, 'utf8');
  if (clear.toString('utf8') !== plaintext)
    throw new RangeError('the text to seal is not well-formed Unicode');
  const { id } = keyring.primary;
  const box = encryptBytes({ keyring, clear, associated: associatedData(id, context) });
  return `${sealFormat}.${id}.${box.toString('base64url')}` as Sealed;
}

/**
 * Decrypts what `seal` made, with whichever key of the ring it names.
 *
 * @throws UnsealError when it is malformed, names a key that is not in the ring, was altered, or belongs to another row
 */
export function open(keyring: Keyring, sealed: string, context: SealContext): string {
  const [format, keyId, encoded, ...rest] = sealed.split('.');
  if (format !== sealFormat || keyId === undefined || encoded === undefined || rest.length > 0) {
    throw new UnsealError('malformed');
  }
  const box = Buffer.from(encoded, 'base64url');
  // Node skips characters that are no base64url: only the one canonical text of a value is accepted.
  if (box.toString('base64url') !== encoded) throw new UnsealError('malformed');
  return decryptBytes({ keyring, keyId, box, associated: associatedData(keyId, context) }).toString('utf8');
}

/** A sealed text that may be unreadable, since its key was lost or it was altered: the text, or why not. */
export type OpenedIfReadable =
  | { readonly text: string; readonly unreadable: null }
  | { readonly text: null; readonly unreadable: UnsealError['reason'] };

/** Decrypts for display: one value that does not open must not keep the others of a list or page from being shown. */
export function openIfReadable(keyring: Keyring, sealed: string, context: SealContext): OpenedIfReadable {
  try {
    return { text: open(keyring, sealed, context), unreadable: null };
  } catch (error) {
    if (error instanceof UnsealError) return { text: null, unreadable: error.reason };
    throw error;
  }
}

/** AES-256-GCM under the primary key: nonce, ciphertext and tag in one buffer. `associated` is authenticated only. */
export function encryptBytes(input: { keyring: Keyring; clear: Uint8Array; associated: Uint8Array }): Buffer {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv(cipherName, input.keyring.primary.key, nonce, { authTagLength: tagBytes });
  cipher.setAAD(input.associated);
  return Buffer.concat([nonce, cipher.update(input.clear), cipher.final(), cipher.getAuthTag()]);
}

/**
 * Opens a buffer of `encryptBytes` with the named key.
 *
 * @throws UnsealError
 */
export function decryptBytes(input: {
  keyring: Keyring;
  keyId: string;
  box: Uint8Array;
  associated: Uint8Array;
}): Buffer {
  const named = input.keyring.find(input.keyId);
  if (named === undefined) throw new UnsealError('unknown_key');
  if (input.box.length < nonceBytes + tagBytes) throw new UnsealError('malformed');
  const nonce = input.box.subarray(0, nonceBytes);
  const ciphertext = input.box.subarray(nonceBytes, input.box.length - tagBytes);
  const decipher = createDecipheriv(cipherName, named.key, nonce, { authTagLength: tagBytes });
  decipher.setAAD(input.associated);
  decipher.setAuthTag(input.box.subarray(input.box.length - tagBytes));
  try {
    return Buffer.concat([decipher.update(ciphertext), decipher.final()]);
  } catch {
    throw new UnsealError('not_authentic');
  }
}

/** A JSON list of texts: unlike a join, no two different lists of texts have the same bytes. */
function associatedData(keyId: string, { table, row, column = '' }: SealContext): Buffer {
  return Buffer.from(JSON.stringify(['bankfeeds-row', sealFormat, keyId, table, row, column]), 'utf8');
}
