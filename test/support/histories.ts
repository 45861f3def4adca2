import { Client, Connection } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { parseKeyring } from '../../src/crypto/keyring.js';
import { createDataConverter } from '../../src/temporal/data-converter.js';
import { replayKeys } from './replay-key.js';

export interface AllHistories {
  /** Workflow ids, events, memo and search attributes as the server has them. */
  raw: string;
  /** The contents of the payloads, decrypted. */
  decoded: string;
  types: Set<string>;
  /** One encrypted payload as JSON, as the Temporal UI sends it to be decoded. */
  payload: unknown;
}

/** Every history of the namespace, as stored and as the codec reads it. */
export async function readAllHistories(address: string, namespace = 'default'): Promise<AllHistories> {
  const keys = parseKeyring(replayKeys);
  if (!keys.ok) throw new Error('the replay key is unusable');
  const { payloadCodecs = [] } = createDataConverter(keys.keyring);
  const connection = await Connection.connect({ address });
  const client = new Client({ connection, namespace });
  const raw: string[] = [];
  const decoded: string[] = [];
  const types = new Set<string>();
  let payload: unknown;
  for await (const execution of client.workflow.list()) {
    const { workflowId, runId, type } = execution;
    types.add(type);
    const text = historyToJSON(await client.workflow.getHandle(workflowId, runId).fetchHistory());
    raw.push(
      workflowId,
      text,
      JSON.stringify(execution.memo ?? {}),
      JSON.stringify(execution.typedSearchAttributes),
    );
    for (const data of payloadsOf(JSON.parse(text))) {
      payload ??= asJson(data);
      for (const codec of payloadCodecs) {
        const [clear] = await codec.decode([data]);
        decoded.push(Buffer.from(clear?.data ?? []).toString('utf8'));
      }
    }
  }
  await connection.close();
  return { raw: raw.join('\n'), decoded: decoded.join('\n'), types, payload };
}

/** Every payload at any depth of a history: anything with base64 `metadata` and `data`. */
export function payloadsOf(value: unknown): { metadata: Record<string, Uint8Array>; data: Uint8Array }[] {
  if (typeof value !== 'object' || value === null) return [];
  const { metadata, data } = value as { metadata?: Record<string, string>; data?: string };
  if (typeof data === 'string' && typeof metadata === 'object') {
    const entries = Object.entries(metadata).map(
      ([name, text]) => [name, Buffer.from(text, 'base64')] as const,
    );
    return [{ metadata: Object.fromEntries(entries), data: Buffer.from(data, 'base64') }];
  }
  return Object.values(value).flatMap(payloadsOf);
}

function asJson(payload: { metadata: Record<string, Uint8Array>; data: Uint8Array }): unknown {
  const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
  const metadata = Object.entries(payload.metadata).map(([name, bytes]) => [name, base64(bytes)] as const);
  return { metadata: Object.fromEntries(metadata), data: base64(payload.data) };
}
