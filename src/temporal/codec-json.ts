import type { Payload } from '@temporalio/common';
import { z } from 'zod';
import type { Keyring } from '../crypto/keyring.js';
import { decryptPayload } from './codec.js';

/** A request to the codec endpoint, as text. A page of the Temporal UI asks for the payloads of some 100 events. */
export const codecBodyBytesMax = 4 * 1024 * 1024;
/** Payloads in one request. */
export const codecPayloadsMax = 2_000;

/** One payload in the JSON form of protobuf: bytes in base64, empty fields left out or null. */
const payloadSchema = z.looseObject({
  metadata: z.record(z.string(), z.string()).nullish(),
  data: z.string().nullish(),
});
export type PayloadJson = z.output<typeof payloadSchema>;

const requestSchema = z.object({ payloads: z.array(payloadSchema).nullish() });

export type DecodedPayloads =
  | { ok: true; body: { payloads: PayloadJson[] } }
  | { ok: false; problem: 'too_large' | 'not_payloads' };

/**
 * Answers a request of Temporal's remote codec protocol (`POST …/decode`, body `{payloads: [{metadata, data}]}` as
 * protobuf JSON): the same list in the same order, decrypted. What is not encrypted, or does not open with the ring,
 * comes back as it was, so that one bad payload does not hide the others.
 *
 * @param body the request's body, raw or already parsed from JSON
 */
export function decodePayloadsJson(keyring: Keyring, body: unknown): DecodedPayloads {
  if (typeof body === 'string' && Buffer.byteLength(body) > codecBodyBytesMax) {
    return { ok: false, problem: 'too_large' };
  }
  const request = requestSchema.safeParse(typeof body === 'string' ? parseJson(body) : body);
  if (!request.success) return { ok: false, problem: 'not_payloads' };
  const payloads = request.data.payloads ?? [];
  if (payloads.length > codecPayloadsMax) return { ok: false, problem: 'too_large' };
  return { ok: true, body: { payloads: payloads.map((payload) => decodeOne(keyring, payload)) } };
}

function decodeOne(keyring: Keyring, json: PayloadJson): PayloadJson {
  const payload = fromJson(json);
  try {
    const decrypted = decryptPayload(keyring, payload);
    return decrypted === payload ? json : toJson(decrypted);
  } catch {
    // Another installation's key, or damaged: shown as it is.
    return json;
  }
}

function fromJson(json: PayloadJson): Payload {
  const metadata = Object.entries(json.metadata ?? {});
  return {
    metadata: Object.fromEntries(metadata.map(([name, value]) => [name, Buffer.from(value, 'base64')])),
    data: Buffer.from(json.data ?? '', 'base64'),
  };
}

function toJson(payload: Payload): PayloadJson {
  const metadata = Object.entries(payload.metadata ?? {});
  return {
    metadata: Object.fromEntries(metadata.map(([name, value]) => [name, base64Of(value)])),
    data: base64Of(payload.data ?? new Uint8Array()),
  };
}

function base64Of(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
