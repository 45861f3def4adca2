import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { signWebhook } from '../../../sandbox/rutter/webhooks.js';
import {
  CLIENT_SECRET,
  TRANSACTIONS,
  batch,
  makeConnection,
  makeReadyFeed,
  startSession,
  transaction,
  type Session,
} from './session.js';

interface Received {
  signature: string;
  text: string;
  body: Record<string, any>; // oxlint-disable-line typescript/no-explicit-any -- payloads of every shape
}

let receiver: Server;
let received: Received[];
let status: number;
let session: Session;

beforeEach(async () => {
  received = [];
  status = 200;
  receiver = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString('utf8');
      const signature = String(request.headers['x-rutter-signature']);
      received.push({ signature, text, body: JSON.parse(text) as Record<string, unknown> });
      response.writeHead(status).end();
    });
  });
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  const { port } = receiver.address() as AddressInfo;
  session = await startSession(
    { webhookDelayMs: 0 },
    { webhookUrl: `http://127.0.0.1:${port}/webhooks/rutter` },
  );
});
afterEach(async () => {
  await session.close();
  receiver.closeAllConnections();
  await new Promise((resolve) => receiver.close(resolve));
});

const codes = () => received.map((item) => item.body['code'] as string);

describe("Rutter's webhooks", () => {
  it('are signed in base64 under the client secret, as in the published example', () => {
    const payload =
      '{"type":"CONNECTION","code":"CONNECTION_NEEDS_UPDATE","connection_id":"5b0f6f0e-2f0c-4a51-9c0b-6a1de1d3a6f7",' +
      '"access_token":"0d1b5a5e-7e8e-4b3c-9a57-3f1c2a9d4e60",' +
      '"update_url":"https://link.rutterapi.com/connection/5b0f6f0e-2f0c-4a51-9c0b-6a1de1d3a6f7"}';
    const signature = signWebhook(payload, 'rs_test_7c1d94e2b0a84f4f');
    expect(signature).toBe('sha256=WJp2ZDtwvb4BB+99T/dAR43KY4EbC27pQ+YC4InyH/w=');
  });

  it('report a connection that needs its customer, and its recovery, with the token', async () => {
    const { id, token } = await makeConnection(session);
    await session.control('POST', `/connections/${id}/status`, { status: 'needs_reauth' });
    await expect.poll(() => received.length).toBe(1);
    const [first] = received;
    expect(first?.body).toEqual({
      type: 'CONNECTION',
      code: 'CONNECTION_NEEDS_UPDATE',
      connection_id: id,
      access_token: token,
      update_url: `${session.url}/connection/${id}`,
    });
    expect(first?.signature).toBe(signWebhook(first?.text ?? '', CLIENT_SECRET));
    await session.control('POST', `/connections/${id}/reconnect`, {});
    await expect.poll(codes).toEqual(['CONNECTION_NEEDS_UPDATE', 'CONNECTION_UPDATED']);
  });

  it('report accounts and finished jobs', async () => {
    const feed = await makeReadyFeed(session);
    const body = batch(feed.accountId, [transaction(1)]);
    await session.call('POST', TRANSACTIONS, { token: feed.token, body });
    const expected = ['BANK_FEED_ACCOUNT_CREATED', 'BANK_FEED_ACCOUNT_UPDATED', 'JOB_COMPLETED'];
    await expect.poll(() => codes().sort()).toEqual(expected);
    const job = received.find((item) => item.body['code'] === 'JOB_COMPLETED');
    expect(job?.body['job']).toEqual({ id: expect.any(String) as unknown, status: 'success' });
  });

  it('are tried six times over about fifteen minutes, then dropped', async () => {
    status = 503;
    const { id } = await makeConnection(session);
    await session.control('POST', '/webhooks', { connection_id: id, code: 'INITIAL_UPDATE' });
    const attempts = async () =>
      (await session.control('GET', '/webhooks')).body.deliveries[0]!.attempts.length;
    await expect.poll(attempts).toBe(1);
    for (const [index, delayMs] of [30_000, 60_000, 120_000, 240_000, 480_000].entries()) {
      await session.control('POST', '/clock', { advance_ms: delayMs });
      await expect.poll(attempts).toBe(index + 2);
    }
    await session.control('POST', '/clock', { advance_ms: 24 * 3_600_000 });
    expect(await attempts()).toBe(6);
    expect(received).toHaveLength(6);
  });

  it('are repeated, wrongly signed or dropped on request', async () => {
    const { id } = await makeConnection(session);
    const send = (more: Record<string, unknown>) =>
      session.control('POST', '/webhooks', { connection_id: id, code: 'INITIAL_UPDATE', ...more });
    await send({ drop: true });
    await send({ copies: 2 });
    await expect.poll(() => received.length).toBe(2);
    expect(received[0]?.text).toBe(received[1]?.text);
    await send({ wrong_signature: true });
    await expect.poll(() => received.length).toBe(3);
    expect(received[2]?.signature).not.toBe(signWebhook(received[2]?.text ?? '', CLIENT_SECRET));
  });
});
