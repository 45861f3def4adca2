import { insertCommand } from '../../src/db/commands.js';
import {
  readRutterCommand,
  type RutterCommandInput,
  type RutterCommandKind,
} from '../../src/db/rutter/commands.js';
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { activityChannels, type ActivityDeps } from '../../src/activities/channels.js';
import { dbFailCommand } from '../../src/activities/fail-command.js';
import { runRutterCommand } from '../../src/activities/rutter/run-command.js';
import { seal } from '../../src/crypto/seal.js';
import { openAccessToken } from '../../src/db/connections.js';
import { listConnectionsOfCustomer } from '../../src/db/listed-connections.js';
import {
  createHandoffFixture,
  type Customer,
  type HandoffFixture,
} from '../support/rutter/handoff-fixture.js';

let fixture: HandoffFixture;

beforeAll(async () => {
  fixture = await createHandoffFixture();
});
afterAll(async () => {
  await fixture.close();
});
afterEach(async () => {
  await fixture.control('DELETE', '/faults');
  await fixture.control('POST', '/organisations/revoke', { revoked: false });
  const { violations } = await fixture.violations();
  await fixture.control('DELETE', '/violations');
  expect(violations).toEqual([]);
});

async function makeCommand(
  customer: Customer,
  kind: RutterCommandKind,
  rest: { input?: RutterCommandInput; secret?: string } = {},
): Promise<{ commandId: string }> {
  const commandId = randomUUID();
  const secretSealed =
    rest.secret === undefined
      ? null
      : seal(fixture.deps.keyring, rest.secret, { table: 'commands', row: commandId });
  await insertCommand(fixture.pool, {
    commandId,
    customerId: customer.customerId,
    kind,
    input: rest.input ?? {},
    secretSealed,
  });
  return { commandId };
}

const readEnded = (command: { commandId: string }) => readRutterCommand(fixture.pool, command);

async function connectionsAtRutter(): Promise<number> {
  const { connections } = (await fixture.control('GET', '/connections')) as { connections: unknown[] };
  return connections.length;
}

/** A connection that was created outside the service: its id and token. */
async function createForeignConnection(): Promise<{ id: string; accessToken: string }> {
  return await fixture.deps.rutter.createConnection({
    platform: 'SAGE_BANK_FEEDS',
    idempotencyKey: randomUUID(),
  });
}

/** Creates a public token of Rutter Link. */
async function publicToken(connectionId?: string): Promise<string> {
  const body = {
    platform: 'SAGE_INTACCT',
    ...(connectionId === undefined ? {} : { connection_id: connectionId }),
  };
  const made = (await fixture.control('POST', '/public-tokens', body)) as { public_token: string };
  return made.public_token;
}

const lostAnswers = [
  { kind: 'reset_after_effect', point: 'before_any_byte' },
  { kind: 'server_error_after_effect' },
  { kind: 'rate_limited' },
];

describe('create_connection', () => {
  it('returns the connection, and the same one when it is run again', async () => {
    const customer = await fixture.makeCustomer();
    const before = await connectionsAtRutter();
    const command = await makeCommand(customer, 'create_connection', { input: { name: 'Main books' } });
    expect(await fixture.attempt(runRutterCommand, command)).toEqual({ state: 'done' });
    const first = await readEnded(command);
    expect(await fixture.attempt(runRutterCommand, command)).toEqual({ state: 'done' });
    expect(await readEnded(command)).toEqual(first);
    const [connection, ...more] = await listConnectionsOfCustomer(fixture.pool, customer);
    expect(more).toEqual([]);
    expect(connection).toMatchObject({ name: 'Main books', status: 'ok' });
    expect(first?.result).toEqual({
      connection_id: connection?.connectionId,
      platform: 'SAGE_BANK_FEEDS',
      status: 'ok',
      link_url: connection?.linkUrl,
    });
    expect((await connectionsAtRutter()) - before).toBe(1);
  });

  for (const fault of [...lostAnswers, { kind: 'server_error_before_effect', recorded: true }]) {
    it(`creates one connection when the answer is lost (${Object.values(fault).join(', ')})`, async () => {
      const customer = await fixture.makeCustomer();
      const before = await connectionsAtRutter();
      await fixture.fault({ ...fault, match: { path: 'connections/create' } });
      const command = await makeCommand(customer, 'create_connection');
      expect(await fixture.attemptUntilDone(runRutterCommand, command)).toEqual({ state: 'done' });
      expect((await connectionsAtRutter()) - before).toBe(1);
      expect(await listConnectionsOfCustomer(fixture.pool, customer)).toHaveLength(1);
    });
  }

  it('fails with the provider message when Rutter refuses, and does not retry', async () => {
    const command = await makeCommand(await fixture.makeCustomer(), 'create_connection');
    await fixture.fault({
      kind: 'status',
      http_status: 400,
      body: { error_type: 'X', error_code: 'NO_MORE', error_message: 'access_token=abc is one too many' },
      match: { path: 'connections/create' },
    });
    expect(await fixture.attempt(runRutterCommand, command)).toEqual({ state: 'failed' });
    expect((await readEnded(command))?.problem).toEqual({
      code: 'provider_refused',
      message: 'access_token=[redacted] is one too many',
    });
  });

  it('fails with credentials_rejected when our own credentials are rejected', async () => {
    const command = await makeCommand(await fixture.makeCustomer(), 'create_connection');
    await fixture.control('POST', '/organisations/revoke', { revoked: true });
    expect(await fixture.attempt(runRutterCommand, command)).toEqual({ state: 'failed' });
    expect((await readEnded(command))?.problem?.code).toBe('credentials_rejected');
    expect((await fixture.pool.query(`DELETE FROM rejected_credentials RETURNING provider`)).rows).toEqual([
      { provider: 'rutter' },
    ]);
  });
});

describe('exchange_public_token', () => {
  it('stores the connection of the token with its status and link, and deletes the token', async () => {
    const customer = await fixture.makeCustomer();
    const command = await makeCommand(customer, 'exchange_public_token', { secret: await publicToken() });
    expect(await fixture.attempt(runRutterCommand, command)).toEqual({ state: 'done' });
    const [connection] = await listConnectionsOfCustomer(fixture.pool, customer);
    expect(connection).toMatchObject({ platform: 'SAGE_INTACCT', status: 'ok' });
    const row = await readEnded(command);
    expect(row).toMatchObject({ secretSealed: null, result: { link_url: connection?.linkUrl } });
    expect(row).toMatchObject({
      result: { link_url: expect.stringContaining(connection?.rutterConnectionId ?? 'none') as string },
    });
  });

  for (const fault of lostAnswers) {
    it(`succeeds although the token works once and its answer is lost (${Object.values(fault).join(', ')})`, async () => {
      const customer = await fixture.makeCustomer();
      await fixture.fault({ ...fault, match: { path: 'public_token/exchange' } });
      const command = await makeCommand(customer, 'exchange_public_token', { secret: await publicToken() });
      expect(await fixture.attemptUntilDone(runRutterCommand, command)).toEqual({ state: 'done' });
      expect(await listConnectionsOfCustomer(fixture.pool, customer)).toHaveLength(1);
    });
  }

  it('keeps the connection when reading its status fails, and completes with it on retry', async () => {
    const customer = await fixture.makeCustomer();
    await fixture.fault({ kind: 'server_error_before_effect', match: { path: 'connections/status' } });
    const command = await makeCommand(customer, 'exchange_public_token', { secret: await publicToken() });
    await expect(fixture.attempt(runRutterCommand, command)).rejects.toMatchObject({
      type: 'ProviderUnavailable',
    });
    expect(await listConnectionsOfCustomer(fixture.pool, customer)).toHaveLength(1);
    expect(await fixture.attempt(runRutterCommand, command)).toEqual({ state: 'done' });
    expect(await listConnectionsOfCustomer(fixture.pool, customer)).toHaveLength(1);
  });

  it('fails with the refusal of Rutter when the token was used before', async () => {
    const customer = await fixture.makeCustomer();
    const secret = await publicToken();
    await fixture.attempt(runRutterCommand, await makeCommand(customer, 'exchange_public_token', { secret }));
    const command = await makeCommand(customer, 'exchange_public_token', { secret });
    expect(await fixture.attempt(runRutterCommand, command)).toEqual({ state: 'failed' });
    const problem = (await readEnded(command))?.problem;
    expect(problem?.code).toBe('provider_refused');
    expect(problem?.message).not.toContain(secret);
  });

  it('restores a refused connection of the customer, and wakes what waits for it', async () => {
    const customer = await fixture.makeCustomer();
    await fixture.attempt(
      runRutterCommand,
      await makeCommand(customer, 'exchange_public_token', { secret: await publicToken() }),
    );
    const [connection] = await listConnectionsOfCustomer(fixture.pool, customer);
    const { connectionId, rutterConnectionId } = connection!;
    await fixture.pool.query(
      `UPDATE connections SET status = 'refused', status_reason = 'NEEDS_UPDATE' WHERE connection_id = $1`,
      [connectionId],
    );
    const command = await makeCommand(customer, 'exchange_public_token', {
      secret: await publicToken(rutterConnectionId),
    });
    await fixture.attempt(runRutterCommand, command);
    expect(await readEnded(command)).toMatchObject({ result: { connection_id: connectionId } });
    expect(await listConnectionsOfCustomer(fixture.pool, customer)).toMatchObject([
      { connectionId, statusReason: null, status: 'ok' },
    ]);
    expect(fixture.woken).toContain(`wake ${connectionId}`);
  });
});

describe('adopt_connection', () => {
  it('adopts a connection after asking Rutter which connection the token belongs to', async () => {
    const customer = await fixture.makeCustomer();
    const { id, accessToken } = await createForeignConnection();
    const command = await makeCommand(customer, 'adopt_connection', {
      input: { rutter_connection_id: id },
      secret: accessToken,
    });
    expect(await fixture.attempt(runRutterCommand, command)).toEqual({ state: 'done' });
    const [connection] = await listConnectionsOfCustomer(fixture.pool, customer);
    expect(connection).toMatchObject({ rutterConnectionId: id, providerStatus: 'active' });
    expect(openAccessToken(fixture.deps.keyring, connection!)).toBe(accessToken);
    expect(JSON.stringify(await readEnded(command))).not.toContain(accessToken);
  });

  it('does not adopt the connection of another customer, and leaves it unchanged', async () => {
    const owner = await fixture.makeCustomer();
    const { id, accessToken } = await createForeignConnection();
    const adopt = { input: { rutter_connection_id: id }, secret: accessToken };
    await fixture.attempt(runRutterCommand, await makeCommand(owner, 'adopt_connection', adopt));
    const before = await listConnectionsOfCustomer(fixture.pool, owner);
    const other = await fixture.makeCustomer();
    const command = await makeCommand(other, 'adopt_connection', adopt);
    expect(await fixture.attempt(runRutterCommand, command)).toEqual({ state: 'failed' });
    expect((await readEnded(command))?.problem?.code).toBe('connection_taken');
    expect(await listConnectionsOfCustomer(fixture.pool, owner)).toEqual(before);
    expect(await listConnectionsOfCustomer(fixture.pool, other)).toEqual([]);
  });

  it('fails when the token belongs to another connection', async () => {
    const customer = await fixture.makeCustomer();
    const { accessToken } = await createForeignConnection();
    const other = await createForeignConnection();
    const command = await makeCommand(customer, 'adopt_connection', {
      input: { rutter_connection_id: other.id },
      secret: accessToken,
    });
    await fixture.attempt(runRutterCommand, command);
    expect((await readEnded(command))?.problem?.code).toBe('connection_mismatch');
    expect(await listConnectionsOfCustomer(fixture.pool, customer)).toEqual([]);
  });

  it('distinguishes an unknown token from rejected credentials of our own', async () => {
    const customer = await fixture.makeCustomer();
    const adopt = { input: { rutter_connection_id: randomUUID() }, secret: randomUUID() };
    const wrong = await makeCommand(customer, 'adopt_connection', adopt);
    await fixture.attempt(runRutterCommand, wrong);
    expect((await readEnded(wrong))?.problem?.code).toBe('token_refused');
    await fixture.control('POST', '/organisations/revoke', { revoked: true });
    const outage = await makeCommand(customer, 'adopt_connection', adopt);
    await fixture.attempt(runRutterCommand, outage);
    expect((await readEnded(outage))?.problem?.code).toBe('credentials_rejected');
  });

  it('adopts a connection that needs its customer, and shows it as refused', async () => {
    const customer = await fixture.makeCustomer();
    const { id, accessToken } = await createForeignConnection();
    await fixture.control('POST', `/connections/${id}/status`, { status: 'needs_reauth' });
    const command = await makeCommand(customer, 'adopt_connection', {
      input: { rutter_connection_id: id },
      secret: accessToken,
    });
    await fixture.attempt(runRutterCommand, command);
    expect(await readEnded(command)).toMatchObject({ result: { status: 'refused' } });
  });
});

describe('the end of a command', () => {
  const fail = (deps: ActivityDeps) => dbFailCommand<ActivityDeps>(deps, activityChannels);

  it('is written once: a late result does not overwrite a problem, nor a problem a result', async () => {
    const customer = await fixture.makeCustomer();
    const failed = await makeCommand(customer, 'create_connection');
    await fixture.attempt(fail, { ...failed, channel: 'rutter', code: 'provider_unavailable' });
    expect(await fixture.attempt(runRutterCommand, failed)).toEqual({ state: 'failed' });
    const done = await makeCommand(customer, 'create_connection');
    await fixture.attempt(runRutterCommand, done);
    const late = { ...done, channel: 'rutter', code: 'provider_unavailable' } as const;
    expect(await fixture.attempt(fail, late)).toEqual({ state: 'done' });
    expect((await readEnded(done))?.problem).toBeNull();
  });

  it('fails without a call to Rutter when the command does not exist', async () => {
    await expect(fixture.attempt(runRutterCommand, { commandId: randomUUID() })).rejects.toMatchObject({
      type: 'Obsolete',
      nonRetryable: true,
    });
  });
});
