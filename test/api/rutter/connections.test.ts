import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { open } from '../../../src/crypto/seal.js';
import {
  failCommand,
  finishCommand,
  readCommand,
  type CommandProblemCode,
} from '../../../src/db/commands.js';
import { WorkflowsUnavailable } from '../../../src/temporal/calls.js';
import { startApi, type ApiFixture, type FacadeCall } from '../machine-api-fixture.js';

let api: ApiFixture;
let path: string;
let customerId: string;
const result = {
  connection_id: randomUUID(),
  platform: 'SAGE_BANK_FEEDS',
  status: 'ok',
  link_url: 'https://link.example/x',
};
const token = 'at-canary-6f1c2c1e';

beforeAll(async () => {
  api = await startApi();
  ({ customerId } = await api.makeAccount());
  path = `/v1/customers/${customerId}/connections`;
});
afterAll(() => api.stop());
beforeEach(() => {
  api.facade.calls.length = 0;
  api.facade.onCall = finish;
});

const commandIdOf = (call: FacadeCall) => (call.input as { commandId: string }).commandId;
const finish = async (call: FacadeCall) => {
  if (call.name === 'runCommand') await finishCommand(api.pool, { commandId: commandIdOf(call), result });
};
const post = (json: unknown, headers: Record<string, string> = {}) =>
  api.call('POST', path, { json, headers });
const commandsRun = () => api.facade.calls.filter(({ name }) => name === 'runCommand').map(commandIdOf);

describe('a connection', () => {
  it.each([
    ['create_connection', { name: 'Main' }, { name: 'Main' }, null],
    ['create_connection', {}, {}, null],
    ['exchange_public_token', { public_token: token }, {}, token],
    [
      'adopt_connection',
      { rutter_connection_id: 'rc-1', access_token: token },
      { rutter_connection_id: 'rc-1' },
      token,
    ],
  ])(
    'is asked for as a command %s whose secret is sealed, and answered 201 without a token',
    async (kind, body, input, secret) => {
      const answer = await post(body);
      expect([answer.status, answer.body]).toEqual([201, result]);
      const [commandId] = commandsRun();
      const { rows } = await api.pool.query(
        `SELECT kind, input, customer_id FROM commands WHERE command_id = $1`,
        [commandId],
      );
      expect(rows).toEqual([{ kind, input, customer_id: customerId }]);
      expect(secret === null || !answer.text.includes(secret)).toBe(true);
      expect(api.logLines.join('')).not.toContain(token);
    },
  );

  it.each([
    { platform: 'any' },
    { platform: 'SAGE_BANK_FEEDS' },
    { name: 'Main', platform: 'SAGE_BUSINESS_CLOUD' },
  ])('is created with the platform of the body: %j', async (body) => {
    expect((await post(body)).status).toBe(201);
    const [commandId] = commandsRun();
    expect((await readCommand(api.pool, { commandId: commandId! }))?.input).toEqual(body);
  });

  it('has its secret sealed in the command until that ends', async () => {
    api.facade.onCall = async (call) => {
      const commandId = commandIdOf(call);
      const command = await readCommand(api.pool, { commandId });
      const sealed = command?.secretSealed ?? '';
      expect(sealed).not.toContain(token);
      expect(open(api.keyring, sealed, { table: 'commands', row: commandId })).toBe(token);
      await finish(call);
    };
    expect((await post({ public_token: token })).status).toBe(201);
  });

  it('needs no body to be created', async () => {
    expect((await api.call('POST', path)).status).toBe(201);
  });

  it.each([
    [{ name: 'X', public_token: token }, ''],
    [{ access_token: token }, ''],
    [{ rutter_connection_id: 'x' }, ''],
    [{ name: '' }, '/name'],
    [{ token }, '/token'],
    [{ platform: 'ANY platform' }, '/platform'],
    [{ platform: 'sage' }, '/platform'],
    [{ platform: '' }, '/platform'],
    [{ platform: 'any', public_token: token }, ''],
  ])(
    'is refused when the body names two kinds of connection, half of one or no platform: %j',
    async (body, pointer) => {
      const answer = await post(body);
      expect([answer.status, answer.body.errors[0]!.pointer]).toEqual([422, pointer]);
      expect(answer.text).not.toContain(token);
      expect(commandsRun()).toEqual([]);
    },
  );

  it('of an unknown customer is 404 and reaches no provider', async () => {
    expect((await api.call('POST', '/v1/customers/nobody/connections', { json: {} })).status).toBe(404);
    expect(commandsRun()).toEqual([]);
  });

  it.each([
    ['connection_taken', 409],
    ['connection_mismatch', 422],
    ['token_refused', 422],
    ['provider_refused', 422],
    ['credentials_rejected', 502],
    ['provider_unavailable', 503],
  ] as [CommandProblemCode, number][])(
    'that ends as %s is answered %d with the message of the command',
    async (code, status) => {
      api.facade.onCall = async (call) => {
        await failCommand(api.pool, {
          commandId: commandIdOf(call),
          problem: { code, message: 'Rutter says no' },
        });
      };
      const answer = await post({});
      expect([answer.status, answer.body.code, answer.body.detail]).toEqual([status, code, 'Rutter says no']);
      expect(answer.headers.has('Retry-After')).toBe(status === 503);
      const read = await api.call('GET', `/v1/commands/${answer.body.command_id}`, { role: 'ops' });
      expect(read.body).toMatchObject({
        state: 'failed',
        problem: { code, message: 'Rutter says no' },
        result: null,
      });
    },
  );

  it('whose provider takes longer than 20 s is answered 202, and the command shows the result later', async () => {
    api.facade.onCall = () => Promise.resolve();
    const answer = await post({ name: 'Slow' });
    expect([answer.status, answer.body.state]).toEqual([202, 'running']);
    const location = answer.headers.get('Location') ?? '';
    expect(location).toBe(`/v1/commands/${answer.body.command_id}`);
    await finishCommand(api.pool, { commandId: answer.body.command_id, result });
    expect((await api.call('GET', location)).body).toMatchObject({ state: 'done', result });
    expect((await api.call('GET', `/v1/commands/${randomUUID()}`)).status).toBe(404);
  });

  it('is listed without its token', async () => {
    const account = await api.makeAccount();
    await api.makeFeed({ ...account, account_status: 'active' });
    const list = await api.call('GET', `/v1/customers/${account.customerId}/connections`, { role: 'ops' });
    expect(list.body.connections).toMatchObject([
      { platform: 'SAGE_BANK_FEEDS', status: 'ok', linked_feeds: 1 },
    ]);
    expect(list.text).not.toMatch(/sealed|token|rutter-/);
  });
});

describe('an Idempotency-Key', () => {
  const keyed = (key: string, json: unknown) => post(json, { 'Idempotency-Key': key });

  it('makes one request of many: the first answer is returned again, and nothing is done twice', async () => {
    const key = randomUUID();
    const first = await keyed(key, { name: 'Once' });
    const second = await keyed(key, { name: 'Once' });
    expect([second.status, second.body]).toEqual([201, first.body]);
    expect([first.headers.get('Idempotency-Replayed'), second.headers.get('Idempotency-Replayed')]).toEqual([
      null,
      'true',
    ]);
    expect(commandsRun()).toHaveLength(1);
  });

  it('used for another body or another path is 409', async () => {
    const key = randomUUID();
    await keyed(key, { name: 'One' });
    const answer = await keyed(key, { name: 'Two' });
    expect([answer.status, answer.body.code]).toEqual([409, 'idempotency_key_reused']);
    const other = await api.makeAccount();
    const elsewhere = await api.call('POST', `/v1/customers/${other.customerId}/connections`, {
      json: { name: 'One' },
      headers: { 'Idempotency-Key': key },
    });
    expect(elsewhere.body.code).toBe('idempotency_key_reused');
  });

  it('whose first request is still running is 409 with Retry-After', async () => {
    const key = randomUUID();
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    api.facade.onCall = async (call) => {
      await held;
      await finish(call);
    };
    const first = keyed(key, {});
    await expect.poll(commandsRun).toHaveLength(1);
    const second = await keyed(key, {});
    expect([second.status, second.body.code, second.headers.get('Retry-After')]).toEqual([
      409,
      'request_in_progress',
      '2',
    ]);
    release();
    expect((await first).status).toBe(201);
    expect((await keyed(key, {})).status).toBe(201);
    expect(commandsRun()).toHaveLength(1);
  });

  it('keeps a refusal, but no answer that asks for a retry', async () => {
    const [refused, away] = [randomUUID(), randomUUID()];
    api.facade.onCall = async (call) => {
      await failCommand(api.pool, {
        commandId: commandIdOf(call),
        problem: { code: 'token_refused', message: 'No' },
      });
    };
    const no = await keyed(refused, {});
    api.facade.onCall = () => Promise.reject(new WorkflowsUnavailable(new Error('away')));
    expect((await keyed(away, {})).status).toBe(503);
    api.facade.onCall = finish;
    const again = await keyed(refused, {});
    expect([again.status, again.body]).toEqual([422, no.body]);
    expect(again.headers.get('Content-Type')).toBe('application/problem+json');
    expect((await keyed(away, {})).status).toBe(201);
  });

  it('of a request whose process died asks for the same command again, not for a second one', async () => {
    const key = randomUUID();
    api.facade.onCall = () => Promise.reject(new WorkflowsUnavailable(new Error('away')));
    await keyed(key, {});
    // As the process leaves it when it dies in the middle: the key taken, no answer, the command stored.
    api.facade.onCall = finish;
    await keyed(key, {});
    await api.pool.query(
      `UPDATE idempotency_keys SET status = NULL, response = NULL, created_at = created_at - interval '1 hour' WHERE key = $1`,
      [key],
    );
    api.facade.calls.length = 0;
    await keyed(key, {});
    await api.pool.query(`UPDATE idempotency_keys SET status = NULL, response = NULL WHERE key = $1`, [key]);
    await keyed(key, {});
    const run = commandsRun();
    expect(run).toHaveLength(2);
    expect(run[0]).toBe(run[1]);
  });

  it('is forgotten after 24 hours', async () => {
    const key = randomUUID();
    await keyed(key, { name: 'One' });
    await api.pool.query(
      `UPDATE idempotency_keys SET created_at = now() - interval '25 hours' WHERE key = $1`,
      [key],
    );
    expect((await keyed(key, { name: 'Two' })).status).toBe(201);
    expect(new Set(commandsRun()).size).toBe(2);
  });

  it('holds for JSON lists of postings', async () => {
    const { accountId } = await api.makeAccount();
    const send = (description: string) =>
      api.call('POST', `/v1/accounts/${accountId}/transactions`, {
        json: {
          transactions: [
            {
              transaction_id: '1',
              posted_at: '2026-02-03T09:14:07Z',
              amount: '1',
              description,
              transaction_type: 'credit',
            },
          ],
        },
        headers: { 'Idempotency-Key': 'list-key' },
      });
    expect((await send('x')).body.accepted).toBe(1);
    expect((await send('x')).body.accepted).toBe(1);
    expect((await send('y')).status).toBe(409);
  });

  it.each(['', 'with blank', 'ü', 'x'.repeat(256)])('that is none is 400: %j', async (key) => {
    const answer = await api.call('POST', path, { json: {}, headers: { 'Idempotency-Key': key } });
    expect([answer.status, answer.body.code]).toEqual([400, 'bad_idempotency_key']);
  });
});
