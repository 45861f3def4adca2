import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { rutterReadConnection } from '../../../src/activities/rutter/connection/read-connection.js';
import { rutterEnsureHandoffConnection } from '../../../src/activities/rutter/handoff/ensure-handoff-connection.js';
import { runRutterCommand } from '../../../src/activities/rutter/run-command.js';
import { insertCommand } from '../../../src/db/commands.js';
import { readConnection } from '../../../src/db/connections.js';
import { readRutterCommand } from '../../../src/db/rutter/commands.js';
import { createHandoffFixture, type HandoffFixture } from '../../support/rutter/handoff-fixture.js';

let fixture: HandoffFixture;
beforeAll(async () => {
  fixture = await createHandoffFixture();
});
afterAll(async () => {
  await fixture.close();
});
afterEach(async () => {
  expect((await fixture.violations()).violations).toEqual([]);
});

const settingsOf = (connectionMode: 'api' | 'link', rutterPlatform = 'SAGE_BANK_FEEDS') => ({
  ...fixture.deps.settings,
  connectionMode,
  rutterPlatform,
});

/** Creates a connection by command; answers its row. */
async function create(input: { mode: 'api' | 'link'; configured?: string; asked?: string }) {
  const customer = await fixture.makeCustomer();
  const commandId = randomUUID();
  await insertCommand(fixture.pool, {
    commandId,
    customerId: customer.customerId,
    kind: 'create_connection',
    input: input.asked === undefined ? {} : { platform: input.asked },
    secretSealed: null,
  });
  const settings = settingsOf(input.mode, input.configured);
  await fixture.attempt(runRutterCommand, { commandId }, { settings });
  const result = (await readRutterCommand(fixture.pool, { commandId }))?.result;
  const connectionId = result != null && 'connection_id' in result ? result.connection_id : '';
  const row = await readConnection(fixture.pool, { connectionId });
  if (row === null) throw new Error('no connection');
  return { customer, row };
}

const check = (connectionId: string) =>
  fixture.attempt(rutterReadConnection, { connectionId, awaitedForMs: 0 });

describe('a connection', () => {
  it('that is created with its platform needs no Rutter Link', async () => {
    const { row } = await create({ mode: 'api' });
    expect(row).toMatchObject({ platform: 'SAGE_BANK_FEEDS', linkState: 'not_needed' });
    expect(row.linkUrl).not.toContain('platform=');
  });

  it('is created without a platform in mode link, which is preselected in Rutter Link', async () => {
    const { row } = await create({ mode: 'link' });
    expect(row.linkState).toBe('awaited');
    expect(row.linkUrl).toMatch(/\/connection\/[0-9a-f-]+\?platform=SAGE_BANK_FEEDS$/);
    const shown = await fixture.control('GET', `/connections/${row.rutterConnectionId}`);
    expect(shown).toMatchObject({ platform: null, status: 'not_ready' });
  });

  it('has the platform that the caller names, and with any none at all', async () => {
    expect((await create({ mode: 'api', asked: 'INTUIT_BANK_FEEDS' })).row.platform).toBe(
      'INTUIT_BANK_FEEDS',
    );
    const { row } = await create({ mode: 'api', asked: 'any' });
    expect(row.linkState).toBe('awaited');
    expect(row.linkUrl).not.toContain('platform=');
    expect((await create({ mode: 'link', configured: 'any' })).row.linkUrl).not.toContain('platform=');
  });

  it('is ready once the customer has finished Rutter Link, with the platform chosen there', async () => {
    const { row } = await create({ mode: 'link' });
    expect(await check(row.connectionId)).toMatchObject({
      refused: false,
      awaitedCount: 1,
      nextPollMs: 2_000,
    });
    expect((await readConnection(fixture.pool, row))?.linkState).toBe('awaited');
    await fixture.control('POST', `/connections/${row.rutterConnectionId}/reconnect`, {
      platform: 'SAGE_INTACCT',
    });
    expect(await check(row.connectionId)).toMatchObject({ refused: false, nextPollMs: null });
    expect(await readConnection(fixture.pool, row)).toMatchObject({
      linkState: 'done',
      platform: 'SAGE_INTACCT',
      status: 'ok',
    });
  });
});

describe('a handoff in mode link', () => {
  it('uses a connection only after Rutter Link, and creates none by itself', async () => {
    const { customer, row } = await create({ mode: 'link' });
    const settings = settingsOf('link');
    const without = await fixture.share(customer);
    expect(await fixture.attempt(rutterEnsureHandoffConnection, without, { settings })).toEqual({
      outcome: 'refused',
      reason: 'connection_not_linked',
    });
    const { connectionId } = row;
    const early = await fixture.share(customer, { connectionId });
    expect(await fixture.attempt(rutterEnsureHandoffConnection, early, { settings })).toEqual({
      outcome: 'refused',
      reason: 'connection_not_linked',
    });
    await fixture.control('POST', `/connections/${row.rutterConnectionId}/reconnect`, {
      platform: 'SAGE_INTACCT',
    });
    await check(connectionId);
    const late = await fixture.share(customer, { connectionId });
    expect(await fixture.attempt(rutterEnsureHandoffConnection, late, { settings })).toEqual({
      outcome: 'claimed',
      connectionId,
    });
  });
});
