import { ApplicationFailure } from '@temporalio/common';
import type { Payload, PayloadCodec } from '@temporalio/common';
import protocol from '@temporalio/proto';
import type { Keyring } from '../crypto/keyring.js';
import { decryptBytes, encryptBytes } from '../crypto/seal.js';
import { payloadBytesMax } from './payload-limit.js';

/** Metadata of an encrypted payload, named as in Temporal's own encryption samples. */
export const encodingEncrypted = 'binary/encrypted';
export const keyIdField = 'encryption-key-id';

/** `type` of the failure of an outgoing payload that is too large. */
export const payloadTooLargeType = 'PayloadTooLarge';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Bound to this use, so that a row's secret cannot be passed off as a payload or the other way round. */
const associatedData = encoder.encode('bankfeeds-payload/v1');

const { Payload: PayloadMessage } = protocol.temporal.api.common.v1;

/**
 * Encrypts each payload, metadata included, with AES-256-GCM under the ring's primary key; decrypts with the key that
 * the payload names. Payloads that are not encrypted pass unchanged when read.
 *
 * An outgoing payload over `PAYLOAD_BYTES_MAX` is refused with a failure that is not retryable. What follows depends on
 * where it comes from: a client's call rejects; an activity with such a result fails at once, since its repetition would
 * only repeat the effects; a workflow with such a command fails its workflow task, which is retried until corrected code
 * is deployed, so nothing is lost. Failures themselves never get there: the failure converter keeps them small.
 *
 * @throws UnsealError on reading what was altered or encrypted under an unknown key
 */
export function createEncryptionCodec(keyring: Keyring): PayloadCodec {
  // Inside `then` a throw becomes a rejection, as the interface wants it.
  return {
    encode: (payloads) =>
      Promise.resolve().then(() => payloads.map((payload) => encryptPayload(keyring, payload))),
    decode: (payloads) =>
      Promise.resolve().then(() => payloads.map((payload) => decryptPayload(keyring, payload))),
  };
}

/** Decrypts one payload, or answers it unchanged when it is not encrypted. */
export function decryptPayload(keyring: Keyring, payload: Payload): Payload {
  const encoding = payload.metadata?.['encoding'];
  if (encoding == null || decoder.decode(encoding) !== encodingEncrypted) return payload;
  const keyId = decoder.decode(payload.metadata?.[keyIdField] ?? new Uint8Array());
  const box = payload.data ?? new Uint8Array();
  return PayloadMessage.decode(decryptBytes({ keyring, keyId, box, associated: associatedData }));
}

function encryptPayload(keyring: Keyring, payload: Payload): Payload {
  const clear = PayloadMessage.encode(payload).finish();
  if (clear.byteLength > payloadBytesMax) throw payloadTooLarge(clear.byteLength);
  return {
    metadata: {
      encoding: encoder.encode(encodingEncrypted),
      [keyIdField]: encoder.encode(keyring.primary.id),
    },
    data: encryptBytes({ keyring, clear, associated: associatedData }),
  };
}

function payloadTooLarge(bytes: number): ApplicationFailure {
  return ApplicationFailure.nonRetryable(
    `a payload of ${String(bytes)} bytes exceeds the limit of ${String(payloadBytesMax)}`,
    payloadTooLargeType,
  );
}
