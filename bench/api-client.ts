import { request, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import type { Readable } from 'node:stream';
import type { RunningApi } from './fixture.js';

/** The API's answer to postings. */
export interface IngestAnswer {
  readonly accepted: number;
  readonly repeated: number;
  readonly conflicts_total: number;
  readonly rejected_total: number;
}

export interface ApiPosting {
  readonly transaction_id: string;
  readonly posted_at: string;
  readonly amount: string;
  readonly description: string;
  readonly payee: string;
  readonly transaction_type: string;
}

const firstPostingMs = Date.parse('2024-02-01T08:00:00.000Z');
const secondMs = 1_000;

/** Posting number `index` of an account, of usual length, a second after the one before it. */
export function apiPosting(id: string, index: number): ApiPosting {
  return {
    transaction_id: id,
    posted_at: new Date(firstPostingMs + index * secondMs).toISOString(),
    amount: (-(1_000 + (index % 9_000)) / 100).toFixed(2),
    description: `Card payment ${id}`,
    payee: 'Harbour Timber Ltd',
    transaction_type: 'debit',
  };
}

/** Sends a body from memory. @throws Error unless the answer is 200 */
export async function postJson(
  api: RunningApi,
  input: { accountId: string; body: string },
): Promise<IngestAnswer> {
  const response = await fetch(`${api.url}/v1/accounts/${input.accountId}/transactions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${api.coreToken}`, 'content-type': 'application/json' },
    body: input.body,
  });
  if (response.status !== 200) throw new Error(`ingest: ${response.status} ${await response.text()}`);
  return (await response.json()) as IngestAnswer;
}

/** Streams lines as fast as the API accepts them. @throws Error unless the answer is 200 */
export async function postStream(
  api: RunningApi,
  input: { accountId: string; lines: Readable },
): Promise<IngestAnswer> {
  const outgoing = request(`${api.url}/v1/accounts/${input.accountId}/transactions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${api.coreToken}`, 'content-type': 'application/x-ndjson' },
  });
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.once('response', resolve);
    outgoing.once('error', reject);
  });
  const [response] = await Promise.all([answered, pipeline(input.lines, outgoing)]);
  const body = await text(response);
  if (response.statusCode !== 200) throw new Error(`ingest: ${response.statusCode ?? 0} ${body}`);
  return JSON.parse(body) as IngestAnswer;
}
