import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { requestBytesMax } from '../../../src/clients/rutter/assumptions.js';
import {
  jobAnswerBytesMax,
  transactionPageBytesMax,
  transactionsAnswerBytesMax,
  transactionsRequestBytesMax,
} from '../../../src/clients/rutter/body-sizes.js';
import { serializeBatch, type PostingContent } from '../../../src/clients/rutter/transform.js';
import { limits } from '../../../src/domain/limits.js';
import { deliveryLimits } from '../../../src/domain/rutter/delivery-limits.js';
import { idProblem, textProblem } from '../../../src/domain/text.js';
import { startRawRutter, type RawRutter } from '../../support/rutter/raw-client.js';
import { readBody } from '../../../src/clients/http/read-body.js';

/** Every UTF-16 unit that a text may have, by how many bytes JSON needs for it; a surrogate stands for half a pair. */
function bytesOfUnit(unit: number): number {
  const text = String.fromCharCode(unit);
  if (/[\uD800-\uDFFF]/.test(text)) return Buffer.byteLength(JSON.stringify('😀').slice(1, -1)) / 2;
  return Buffer.byteLength(JSON.stringify(text).slice(1, -1));
}

const worstUnit = '\u20AC';
const longest: PostingContent = {
  transactionId: worstUnit.repeat(limits.idLengthMax),
  postedAt: '2026-02-02T08:31:10.000Z',
  sendAt: '2026-02-02T08:31:10.000Z',
  amount: '-0.123456789012345',
  description: worstUnit.repeat(limits.textLengthMax),
  transactionType: 'interest',
  payee: worstUnit.repeat(limits.textLengthMax),
};
const fullBatch = Array.from({ length: deliveryLimits.batchPostingsMax }, () => longest);

const requestBody = serializeBatch({ rutterAccountId: 'f'.repeat(255), postings: fullBatch }).body;

/** JSON with every character of every text, names included, as `\uXXXX`. */
function escaped(value: unknown): string {
  const text = (plain: string): string =>
    `"${Array.from({ length: plain.length }, (_, at) => `\\u${plain.charCodeAt(at).toString(16).padStart(4, '0')}`).join('')}"`;
  if (typeof value === 'string') return text(value);
  if (Array.isArray(value)) return `[${value.map(escaped).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    return `{${Object.entries(value)
      .map(([name, field]) => `${text(name)}:${escaped(field)}`)
      .join(',')}}`;
  }
  return JSON.stringify(value);
}

const rutterId = 'f'.repeat(255);
/** A transaction as Rutter shows it, each field as long as it can be. */
const shown = {
  id: rutterId,
  bank_feed_account_id: rutterId,
  transaction_id: longest.transactionId,
  posted_at: '2026-02-02T08:31:10.000000000+00:00',
  transaction_date: '2026-02-02T08:31:10.000000000+00:00',
  amount: -0.123456789012345,
  debit_credit_memo: 'CREDIT',
  description: longest.description,
  interest_amount: -0.123456789012345,
  memo: longest.description,
  payee: longest.payee,
  platform_ingested: false,
  principal_amount: -0.123456789012345,
  transaction_type: 'interest',
  last_synced_at: '2026-02-02T08:31:10.000000000+00:00',
  duplicate: false,
};
const shownBytes = escaped(shown).length + 1;

describe('the size of a request with a full batch of the longest texts', () => {
  it('is computed from the worst unit: no character that a text or id may have takes more than three bytes', () => {
    const units = Array.from({ length: 0x10000 }, (_, unit) => unit);
    const allowed = units.filter((unit) => {
      const text = `${String.fromCharCode(unit)}x`;
      return textProblem(text, 2) === null || idProblem(text, 2) === null;
    });
    expect(allowed.reduce((most, unit) => Math.max(most, bytesOfUnit(unit)), 0)).toBe(3);
    expect(bytesOfUnit('😀'.charCodeAt(0))).toBe(2);
  });

  it('fits into what Rutter takes, and so does the batch itself', () => {
    const bytes = Buffer.byteLength(requestBody);
    expect(bytes).toBeLessThanOrEqual(transactionsRequestBytesMax);
    expect(bytes).toBeGreaterThan(0.85 * transactionsRequestBytesMax);
    expect(transactionsRequestBytesMax).toBeLessThanOrEqual(requestBytesMax);
  });
});

describe('the size of an answer about a full batch of the longest texts, every character escaped', () => {
  const { batchPostingsMax } = deliveryLimits;

  it('is within the limits of the client: the answer, the job that shows the request as well, a page of the list', () => {
    const request = escaped(
      JSON.parse(serializeBatch({ rutterAccountId: rutterId, postings: fullBatch }).body),
    );
    const envelope = 60_000;
    expect(batchPostingsMax * shownBytes + envelope).toBeLessThanOrEqual(transactionsAnswerBytesMax);
    expect(batchPostingsMax * shownBytes + request.length + envelope).toBeLessThanOrEqual(jobAnswerBytesMax);
    expect(500 * shownBytes + envelope).toBeLessThanOrEqual(transactionPageBytesMax);
  });

  let rutter: RawRutter | undefined;
  afterEach(async () => {
    await rutter?.close();
    rutter = undefined;
  });

  it('is read by every call that can meet it', async () => {
    rutter = await startRawRutter();
    const one = escaped(shown);
    const list = (count: number): string =>
      `{"bank_feed_transactions":[${Array.from({ length: count }, () => one).join(',')}],"next_cursor":null}`;
    const json = { 'content-type': 'application/json' };
    rutter.answer = (response) => response.writeHead(200, json).end(list(batchPostingsMax));
    const posted = await rutter.patientClient.postTransactions({
      accessToken: 't',
      idempotencyKey: 'k',
      body: '{}',
    });
    expect(posted).toMatchObject({ kind: 'done' });
    if (posted.kind === 'done') expect(posted.transactions).toHaveLength(batchPostingsMax);
    rutter.answer = (response) => response.writeHead(200, json).end(list(500));
    expect((await rutter.patientClient.listTransactions({ accessToken: 't' })).transactions).toHaveLength(
      500,
    );
    const job = `{"id":"j","status":"success","request":{"method":"POST","url":"x","body":${escaped(JSON.parse(requestBody))}},
      "response":{"http_status":200,"body":${list(batchPostingsMax)}}}`;
    rutter.answer = (response) => response.writeHead(200, json).end(job);
    const ended = await rutter.patientClient.getJob({ jobId: 'j' });
    expect(ended).toMatchObject({ kind: 'success' });
    if (ended.kind === 'success') expect(ended.transactions[0]?.description).toBe(longest.description);
  });
});

describe('many long answers at once', () => {
  let server: Server | undefined;
  afterEach(() => {
    server?.closeAllConnections();
    server?.close();
  });

  it('are read a few at a time, so that they do not fill the memory, and all of them arrive', async () => {
    const half = Buffer.alloc(2 * 1024 * 1024, 'x');
    const started: ServerResponse[] = [];
    server = createServer((_, response) => {
      response.write(half);
      started.push(response);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/`;
    const sizes: number[] = [];
    const reads = Array.from({ length: 12 }, async () => {
      const text = await readBody(await fetch(url));
      sizes.push(text.length);
    });
    while (started.length < 12) await new Promise((resolve) => setTimeout(resolve, 5));
    for (const response of started) response.end(half);
    await Promise.all(reads);
    expect(sizes).toEqual(Array.from({ length: 12 }, () => 2 * half.length));
  });

  it('that are too long or no text release their place', async () => {
    const broken = (): Response => new Response(Buffer.alloc(2 * 1024 * 1024, 0xff));
    for (let times = 0; times < 6; times += 1) {
      await expect(readBody(broken())).rejects.toThrow('not UTF-8');
      await expect(readBody(broken(), 1_500_000)).rejects.toThrow('too large');
    }
    expect(await readBody(new Response('x'.repeat(2_000_000)))).toHaveLength(2_000_000);
  });
});
