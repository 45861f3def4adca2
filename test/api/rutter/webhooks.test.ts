import { createHmac, randomUUID } from 'node:crypto';
import pLimit from 'p-limit';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { deleteOldWebhooks } from '../../../src/db/rutter/webhooks.js';
import { until } from '../../support/until.js';
import { startApi, webhookSecret, type ApiAnswer, type ApiFixture } from '../machine-api-fixture.js';

let api: ApiFixture;
let connectionId: string;
const token = 'live-token-canary-91b2';
beforeAll(async () => {
  api = await startApi();
  await api.makeFeed(await api.makeAccount());
  [{ connection_id: connectionId } = { connection_id: '' }] = await api.rows<{ connection_id: string }>(
    `SELECT connection_id FROM connections`,
  );
});
afterAll(() => api.stop());
beforeEach(() => (api.facade.calls.length = 0));

/** The API closes the connections beyond 2,000, and those of an earlier test may still be open on a busy machine. */
const atOnce = pLimit(500);
const patience = { timeoutMs: 20_000, everyMs: 250, describe: 'the webhook is taken' };

const bodyOf = (change: Record<string, unknown> = {}) =>
  JSON.stringify({
    type: 'CONNECTION',
    code: 'CONNECTION_UPDATED',
    connection_id: `rutter-${connectionId}`,
    access_token: token,
    nonce: randomUUID(),
    ...change,
  });
const sign = (body: string | Uint8Array) =>
  `sha256=${createHmac('sha256', webhookSecret).update(body).digest('base64')}`;
const send = (body: string | Uint8Array, signature: string | null = sign(body)) =>
  api.call('POST', '/webhooks/rutter', {
    role: 'none',
    raw: body,
    headers: {
      'Content-Type': 'application/json',
      ...(signature === null ? {} : { 'X-Rutter-Signature': signature }),
    },
  });
const wakeUps = async () => {
  await api.drained();
  return api.facade.calls.filter(({ name }) => name === 'wakeConnection').map(({ input }) => input);
};

describe('a webhook of Rutter', () => {
  it('with a good signature wakes the connection that it names, and answers what it was', async () => {
    expect((await send(bodyOf())).status).toBe(200);
    expect(await wakeUps()).toEqual([{ connectionId }]);
  });

  it('fits the vector of the contract', async () => {
    const body =
      '{"type":"CONNECTION","code":"CONNECTION_NEEDS_UPDATE","connection_id":"5b0f6f0e-2f0c-4a51-9c0b-6a1de1d3a6f7","access_token":"0d1b5a5e-7e8e-4b3c-9a57-3f1c2a9d4e60","update_url":"https://link.rutterapi.com/connection/5b0f6f0e-2f0c-4a51-9c0b-6a1de1d3a6f7"}';
    expect((await send(body, 'sha256=WJp2ZDtwvb4BB+99T/dAR43KY4EbC27pQ+YC4InyH/w=')).status).toBe(200);
  });

  it('that is repeated is answered 200 again, counted, and causes at most one more wake-up', async () => {
    const body = bodyOf();
    expect([(await send(body)).status, (await send(body)).status]).toEqual([200, 200]);
    const { rows } = await api.pool.query(`SELECT max(times) AS times FROM webhooks`);
    expect(rows).toEqual([{ times: 2 }]);
    for (const wake of await wakeUps()) expect(wake).toEqual({ connectionId });
  });

  it('about a finished job wakes nothing: the sender of the job polls it', async () => {
    expect((await send(bodyOf({ type: 'JOB', code: 'JOB_COMPLETED' }))).status).toBe(200);
    expect(await wakeUps()).toEqual([]);
  });

  it('without or with a wrong signature is 401, is not recorded and wakes nothing', async () => {
    const before = (await api.pool.query(`SELECT count(*) FROM webhooks`)).rows;
    const body = bodyOf();
    for (const signature of [
      null,
      '',
      'sha256=',
      sign(`${body} `),
      sign(body).slice(7),
      sign(body).toLowerCase(),
    ]) {
      expect((await send(body, signature)).status).toBe(401);
    }
    expect((await api.pool.query(`SELECT count(*) FROM webhooks`)).rows).toEqual(before);
    expect(await wakeUps()).toEqual([]);
  });

  it('for a connection that is not ours, or that cannot be read, is accepted and wakes nothing', async () => {
    for (const body of [
      bodyOf({ connection_id: randomUUID() }),
      bodyOf({ connection_id: '\u0000' }),
      '{',
      '[]',
      '"x"',
      bodyOf({ type: 5 }),
    ]) {
      expect((await send(body)).status).toBe(200);
    }
    expect((await wakeUps()).length).toBeLessThanOrEqual(1);
  });

  it('leaves no trace of its token in rows or logs', async () => {
    await send(bodyOf());
    const { rows } = await api.pool.query(`SELECT * FROM webhooks`);
    expect(JSON.stringify(rows) + api.logLines.join('')).not.toContain(token);
  });

  it('beyond 256 KB is 413, by GET 405', async () => {
    expect((await send('x'.repeat(300_000))).status).toBe(413);
    const answer = await api.call('GET', '/webhooks/rutter', { role: 'none' });
    expect([answer.status, answer.headers.get('Allow')]).toEqual([405, 'POST']);
  });

  it('in a flood beyond the rate is 429 with Retry-After, before its signature is verified', async () => {
    // Not signed, so that this machine's pace of checking and noting does not decide what is seen.
    const answers = await Promise.all(Array.from({ length: 1_500 }, () => atOnce(() => send('{}', null))));
    expect([...new Set(answers.map(({ status }) => status))].sort()).toEqual([401, 429]);
    expect(answers.find(({ status }) => status === 429)?.headers.get('Retry-After')).toBe('1');
  });

  it('is never believed: claims in any order change no row, and each causes at most one check at Rutter', async () => {
    const rows = () =>
      api.rows(`SELECT c.status, c.provider_status, f.state, f.account_status, f.updated_at
                  FROM connections c JOIN feeds f USING (connection_id)`);
    const before = await rows();
    // As if they had overtaken each other: recovered before it was refused, deleted before it was made.
    for (const code of [
      'CONNECTION_UPDATED',
      'CONNECTION_NEEDS_UPDATE',
      'CONNECTION_DISABLED',
      'CONNECTION_DELETED',
      'CONNECTION_CREATED',
    ]) {
      const taken = await until(async () => {
        const answer = await send(bodyOf({ code, status: 'disabled', created_at: '2020-01-01T00:00:00Z' }));
        return answer.status === 200;
      }, patience);
      expect(taken).toBe(true);
    }
    for (const wake of await wakeUps()) expect(wake).toEqual({ connectionId });
    expect(await rows()).toEqual(before);
  });

  it('of a thousand in a second costs one row for each accepted one, and few wake-ups', async () => {
    const count = async () => (await api.rows(`SELECT 1 FROM webhooks`)).length;
    const before = await count();
    // A hundred at a time: more connections at once would be refused by a slow machine, not by us.
    const answers: ApiAnswer[] = [];
    const sender = async (): Promise<void> => {
      for (let sent = 0; sent < 10; sent += 1) answers.push(await send(bodyOf()));
    };
    await Promise.all(Array.from({ length: 100 }, sender));
    const taken = answers.filter(({ status }) => status === 200).length;
    expect(
      [...new Set(answers.map(({ status }) => status))].filter((status) => ![200, 429].includes(status)),
    ).toEqual([]);
    expect((await count()) - before).toBe(taken);
    expect((await wakeUps()).length).toBeLessThan(taken / 4);
  });

  it('is forgotten after thirty days, so that the table is bounded by the rate alone', async () => {
    await api.pool.query(`UPDATE webhooks SET received_at = now() - interval '31 days'`);
    const old = (await api.rows(`SELECT 1 FROM webhooks`)).length;
    expect(old).toBeGreaterThan(0);
    await until(async () => (await send(bodyOf())).status === 200, patience);
    expect(await deleteOldWebhooks(api.pool)).toBe(old);
    expect(await api.rows(`SELECT 1 FROM webhooks`)).toHaveLength(1);
  });

  it('of a sender with forged addresses evades no limit', async () => {
    const answers = await Promise.all(
      Array.from({ length: 1_000 }, (_, index) =>
        atOnce(() =>
          api.call('POST', '/webhooks/rutter', {
            role: 'none',
            raw: '{}',
            headers: {
              'X-Forwarded-For': `198.51.100.${String(index % 250)}`,
              Forwarded: `for=192.0.2.${String(index)}`,
            },
          }),
        ),
      ),
    );
    expect(answers.filter(({ status }) => status === 429).length).toBeGreaterThan(0);
  });

  it('of many at once is few wake-ups', async () => {
    const bodies = Array.from({ length: 100 }, () => bodyOf());
    // What the flood before left of its second is waited for, as Rutter would.
    const answers = await Promise.all(
      bodies.map((body) =>
        until(async () => ((await send(body)).status === 200 ? true : undefined), patience),
      ),
    );
    expect((await wakeUps()).length).toBeLessThan(answers.length / 4);
  });
});
