import { createRequire } from 'node:module';
import { ApplicationFailure, defaultPayloadConverter } from '@temporalio/common';
import type { DataConverter, LoadedDataConverter, Payload, ProtoFailure } from '@temporalio/common';
import { expect, test } from 'vitest';
import { createKeyEntry, parseKeyring } from '../../src/crypto/keyring.js';
import type { Keyring } from '../../src/crypto/keyring.js';
import { UnsealError } from '../../src/crypto/seal.js';
import { decodePayloadsJson } from '../../src/temporal/codec-json.js';
import type { PayloadJson } from '../../src/temporal/codec-json.js';
import { createEncryptionCodec, payloadTooLargeType } from '../../src/temporal/codec.js';
import { createDataConverter } from '../../src/temporal/data-converter.js';
import { payloadBytesMax } from '../../src/temporal/payload-limit.js';

/** As the SDK loads them, through its own internals: the path and the name of the export are what is tested. */
const { loadDataConverter, encodeErrorToFailure, decodeOptionalFailureToOptionalError } = createRequire(
  import.meta.url,
)('@temporalio/common/lib/internal-non-workflow') as {
  loadDataConverter: (converter: DataConverter) => LoadedDataConverter;
  encodeErrorToFailure: (converter: LoadedDataConverter, error: unknown) => Promise<ProtoFailure>;
  decodeOptionalFailureToOptionalError: (
    converter: LoadedDataConverter,
    failure: ProtoFailure,
  ) => Promise<Error | undefined>;
};

const oldKey = createKeyEntry('old');
const newKey = createKeyEntry('new');
const keyring = ring(oldKey);
const codec = createEncryptionCodec(keyring);

function ring(value: string): Keyring {
  const result = parseKeyring(value);
  if (!result.ok) throw new Error(result.problems.join());
  return result.keyring;
}

function payloadOf(value: unknown): Payload {
  return defaultPayloadConverter.toPayload(value);
}

function textOf(bytes: Uint8Array | null | undefined): string {
  return Buffer.from(bytes ?? []).toString('latin1');
}

test('a payload is encrypted under the named key and decrypted with its metadata', async () => {
  const payload = payloadOf({ feedId: 'canary-feed' });
  const [encoded] = await codec.encode([payload]);
  expect(textOf(encoded?.metadata?.['encoding'])).toBe('binary/encrypted');
  expect(textOf(encoded?.metadata?.['encryption-key-id'])).toBe('old');
  expect(textOf(encoded?.data)).not.toContain('canary');

  const [decoded] = await codec.decode([encoded ?? {}]);
  expect(defaultPayloadConverter.fromPayload(decoded ?? {})).toEqual({ feedId: 'canary-feed' });
});

test('after a key rotation old histories are still read and new payloads use the new key', async () => {
  const old = await codec.encode([payloadOf('before')]);
  const rotated = createEncryptionCodec(ring(`${newKey},${oldKey}`));
  const [decoded] = await rotated.decode(old);
  expect(defaultPayloadConverter.fromPayload(decoded ?? {})).toBe('before');
  const [fresh] = await rotated.encode([payloadOf('after')]);
  expect(textOf(fresh?.metadata?.['encryption-key-id'])).toBe('new');
});

test('an altered payload and one of an unknown key are refused', async () => {
  const [encoded] = await codec.encode([payloadOf('x')]);
  const data = Buffer.from(encoded?.data ?? []);
  data[data.length - 1] = (data[data.length - 1] ?? 0) ^ 1;
  await expect(codec.decode([{ ...encoded, data }])).rejects.toThrow(UnsealError);
  await expect(createEncryptionCodec(ring(newKey)).decode([encoded ?? {}])).rejects.toThrow(UnsealError);
});

test('payloads that are not encrypted are read unchanged', async () => {
  const plain = payloadOf('plain');
  expect(await codec.decode([plain, {}])).toEqual([plain, {}]);
});

test('a payload over 8 KB fails without retry; the largest allowed one is accepted and read', async () => {
  const envelope = payloadOf('').data?.length ?? 0;
  const metadata = 30;
  const fitting = payloadOf('a'.repeat(payloadBytesMax - envelope - metadata));
  const [encoded] = await codec.encode([fitting]);
  expect((await codec.decode([encoded ?? {}]))[0]?.data).toEqual(Buffer.from(fitting.data ?? []));

  const refusal = await codec
    .encode([payloadOf('a'.repeat(payloadBytesMax))])
    .catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(ApplicationFailure);
  expect(refusal).toMatchObject({ type: payloadTooLargeType, nonRetryable: true });
});

test('a history written under a higher limit can still be read', async () => {
  const { encryptBytes } = await import('../../src/crypto/seal.js');
  const proto = (await import('@temporalio/proto')).default;
  const large = payloadOf('a'.repeat(4 * payloadBytesMax));
  const clear = proto.temporal.api.common.v1.Payload.encode(large).finish();
  const associated = Buffer.from('bankfeeds-payload/v1');
  const data = encryptBytes({ keyring, clear, associated });
  const metadata = { encoding: Buffer.from('binary/encrypted'), 'encryption-key-id': Buffer.from('old') };
  const [decoded] = await codec.decode([{ metadata, data }]);
  expect(decoded?.data?.length).toBe(large.data?.length);
});

test('message, stack and cause of a failure are encrypted, and read again with the key', async () => {
  const converter = loadDataConverter(createDataConverter(keyring));
  const cause = new Error('canary-cause');
  const error = ApplicationFailure.create({
    message: 'canary-message',
    type: 'Refused',
    details: ['canary'],
    cause,
  });
  const failure = await encodeErrorToFailure(converter, error);
  expect(JSON.stringify(failure, (_, value: unknown) => plainBytes(value))).not.toContain('canary');

  const read = await decodeOptionalFailureToOptionalError(converter, failure);
  expect(read).toMatchObject({ message: 'canary-message', type: 'Refused', details: ['canary'] });
  expect(read?.cause).toMatchObject({ message: 'canary-cause' });
});

/** Bytes as text, so that a search in the JSON would find a secret in them. */
function plainBytes(value: unknown): unknown {
  if (value instanceof Uint8Array) return textOf(value);
  const buffer = value as { type?: unknown; data?: unknown } | null;
  return buffer?.type === 'Buffer' && Array.isArray(buffer.data)
    ? textOf(Uint8Array.from(buffer.data as number[]))
    : value;
}

test.each([
  ['letters', 'm'],
  ['control characters', '\u0001'],
  ['half characters', '\ud83d'],
  ['euro signs', '€'],
  ['quotes', '"'],
])('a failure with a huge message, stack and detail of %s can always be reported', async (_, unit) => {
  const converter = loadDataConverter(createDataConverter(keyring));
  const huge = unit.repeat(100_000);
  const cause = new Error(huge);
  const error = ApplicationFailure.create({
    message: huge,
    type: 'Refused',
    details: [huge, 'small'],
    cause,
  });
  error.stack = huge;
  const failure = await encodeErrorToFailure(converter, error);
  const read = await decodeOptionalFailureToOptionalError(converter, failure);
  expect(read).toMatchObject({
    type: 'Refused',
    details: [{ omittedBytes: expect.any(Number) as number }, 'small'],
  });
  expect(read?.message.length).toBeGreaterThan(300);
  expect(huge.startsWith(read?.message ?? '-')).toBe(true);
});

test('an ordinary failure is not truncated', async () => {
  const converter = loadDataConverter(createDataConverter(keyring));
  const error = new Error('what went wrong');
  const read = await decodeOptionalFailureToOptionalError(
    converter,
    await encodeErrorToFailure(converter, error),
  );
  expect(read?.message).toBe('what went wrong');
  expect(read?.stack).toContain('codec-payloads.test.ts');
});

function jsonOf(payload: Payload): PayloadJson {
  const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
  const metadata = Object.entries(payload.metadata ?? {}).map(([name, value]) => [name, base64(value)]);
  return {
    metadata: Object.fromEntries(metadata) as Record<string, string>,
    data: base64(payload.data ?? new Uint8Array()),
  };
}

test('the codec endpoint decrypts what the Temporal UI sends and keeps the order and foreign payloads', async () => {
  const [mine] = await codec.encode([payloadOf({ state: 'live' })]);
  const [foreign] = await createEncryptionCodec(ring(newKey)).encode([payloadOf('secret of others')]);
  const payloads = [jsonOf(foreign ?? {}), jsonOf(mine ?? {}), jsonOf(payloadOf('plain')), {}];
  const answer = decodePayloadsJson(keyring, JSON.stringify({ payloads }));
  expect(answer).toEqual({
    ok: true,
    body: { payloads: [payloads[0], jsonOf(payloadOf({ state: 'live' })), payloads[2], {}] },
  });
  expect(decodePayloadsJson(keyring, { payloads })).toEqual(answer);
});

test('the codec endpoint refuses input that is no list of payloads, and lists that are too long', () => {
  for (const body of ['', 'null', '[]', '{"payloads":{}}', '{"payloads":[1]}', '{"payloads":[{"data":1}]}']) {
    expect(decodePayloadsJson(keyring, body)).toEqual({ ok: false, problem: 'not_payloads' });
  }
  const many = { payloads: Array.from({ length: 2_001 }, () => ({})) };
  expect(decodePayloadsJson(keyring, many)).toEqual({ ok: false, problem: 'too_large' });
  const long = JSON.stringify({ payloads: [{ data: 'A'.repeat(4 * 1024 * 1024) }] });
  expect(decodePayloadsJson(keyring, long)).toEqual({ ok: false, problem: 'too_large' });
});
