import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { rutterEnsureHandoffConnection } from '../../../src/activities/rutter/handoff/ensure-handoff-connection.js';
import type { ActivityDeps } from '../../../src/activities/channels.js';
import { listConnectionsOfCustomer } from '../../../src/db/listed-connections.js';
import { createHandoffFixture, type HandoffFixture } from '../../support/rutter/handoff-fixture.js';

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
  expect((await fixture.violations()).violations).toEqual([]);
});

async function connectionsAtRutter(): Promise<number> {
  const { connections } = (await fixture.control('GET', '/connections')) as { connections: unknown[] };
  return connections.length;
}

/** A customer whose first handoff created a connection. */
async function makeConnectedCustomer() {
  const customer = await fixture.makeCustomer();
  const first = await fixture.share(customer);
  const result = await fixture.attempt(rutterEnsureHandoffConnection, first);
  if (result.outcome !== 'claimed') throw new Error('no connection');
  return { customer, first, connectionId: result.connectionId };
}

const createPath = 'connections/create';

describe('a new connection', () => {
  it('is created once and tied to the handoff, however often the activity is repeated', async () => {
    const customer = await fixture.makeCustomer();
    const handoff = await fixture.share(customer);
    const before = await connectionsAtRutter();
    const first = await fixture.attempt(rutterEnsureHandoffConnection, handoff);
    expect(await fixture.attempt(rutterEnsureHandoffConnection, handoff)).toEqual(first);
    expect(first.outcome).toBe('claimed');
    expect((await connectionsAtRutter()) - before).toBe(1);
    const [stored, ...more] = await listConnectionsOfCustomer(fixture.pool, customer);
    expect(more).toEqual([]);
    expect(stored).toMatchObject({ platform: 'SAGE_BANK_FEEDS', currentHandoffId: handoff.handoffId });
    expect(stored?.accessTokenSealed.startsWith('v1.')).toBe(true);
    expect((await fixture.handoff(handoff.handoffId)).connectionId).toBe(stored?.connectionId);
  });

  for (const fault of [
    { kind: 'reset_after_effect', point: 'before_any_byte' },
    { kind: 'reset_after_effect', point: 'half_body' },
    { kind: 'server_error_after_effect' },
    { kind: 'server_error_before_effect' },
    { kind: 'malformed_body', shape: 'truncated_json' },
    { kind: 'rate_limited' },
  ]) {
    it(`is created once when the first answer is lost (${Object.values(fault).join(', ')})`, async () => {
      const customer = await fixture.makeCustomer();
      const handoff = await fixture.share(customer);
      const before = await connectionsAtRutter();
      await fixture.fault({ ...fault, match: { method: 'POST', path: createPath } });
      expect(await fixture.attemptUntilDone(rutterEnsureHandoffConnection, handoff)).toMatchObject({
        outcome: 'claimed',
      });
      expect((await connectionsAtRutter()) - before).toBe(1);
      expect(await listConnectionsOfCustomer(fixture.pool, customer)).toHaveLength(1);
    });
  }

  it('is created once when the process crashes between the answer and our commit', async () => {
    const customer = await fixture.makeCustomer();
    const handoff = await fixture.share(customer);
    const before = await connectionsAtRutter();
    const { rutter } = fixture.deps;
    const crashing: ActivityDeps['rutter'] = {
      ...rutter,
      createConnection: async (input) => {
        await rutter.createConnection(input);
        throw new Error('killed');
      },
    };
    await expect(
      fixture.attempt(rutterEnsureHandoffConnection, handoff, { rutter: crashing }),
    ).rejects.toMatchObject({ type: 'Unexpected' });
    await fixture.attempt(rutterEnsureHandoffConnection, handoff);
    expect((await connectionsAtRutter()) - before).toBe(1);
  });

  it('is requested under a new key after an accepted failure, which the old key would repeat for ever', async () => {
    const customer = await fixture.makeCustomer();
    const handoff = await fixture.share(customer);
    await fixture.fault({
      kind: 'server_error_before_effect',
      recorded: true,
      match: { method: 'POST', path: createPath },
    });
    expect(await fixture.attemptUntilDone(rutterEnsureHandoffConnection, handoff)).toMatchObject({
      outcome: 'claimed',
    });
  });

  it('is not created when our credentials are rejected, and the failure names them as ours', async () => {
    const handoff = await fixture.share(await fixture.makeCustomer());
    await fixture.control('POST', '/organisations/revoke', { revoked: true });
    await expect(fixture.attempt(rutterEnsureHandoffConnection, handoff)).rejects.toMatchObject({
      type: 'CredentialsRejected',
      nonRetryable: true,
    });
    // The outage is recorded for the service, so the alert does not depend on a feed.
    expect((await fixture.pool.query(`DELETE FROM rejected_credentials RETURNING provider`)).rows).toEqual([
      { provider: 'rutter' },
    ]);
  });

  it('is not created after the deadline', async () => {
    const handoff = await fixture.share(await fixture.makeCustomer(), { ageMs: 571_000 });
    const before = await connectionsAtRutter();
    expect(await fixture.attempt(rutterEnsureHandoffConnection, handoff)).toEqual({
      outcome: 'over',
      state: 'sharing',
    });
    expect(await connectionsAtRutter()).toBe(before);
  });
});

describe('a chosen connection', () => {
  it('of another customer is not used', async () => {
    const { connectionId } = await makeConnectedCustomer();
    const handoff = await fixture.share(await fixture.makeCustomer(), { connectionId });
    expect(await fixture.attempt(rutterEnsureHandoffConnection, handoff)).toEqual({
      outcome: 'refused',
      reason: 'connection_unavailable',
    });
  });

  it('that is refused at Rutter is not used', async () => {
    const { customer, connectionId } = await makeConnectedCustomer();
    await fixture.pool.query(`UPDATE connections SET status = 'refused' WHERE connection_id = $1`, [
      connectionId,
    ]);
    const handoff = await fixture.share(customer, { connectionId });
    expect(await fixture.attempt(rutterEnsureHandoffConnection, handoff)).toEqual({
      outcome: 'refused',
      reason: 'connection_refused',
    });
  });

  it('belongs to the handoff that chose it last; the earlier one ends and never takes it back', async () => {
    const { customer, first, connectionId } = await makeConnectedCustomer();
    const second = await fixture.share(customer, { connectionId });
    expect(await fixture.attempt(rutterEnsureHandoffConnection, second)).toEqual({
      outcome: 'claimed',
      connectionId,
    });
    expect((await fixture.handoff(first.handoffId)).state).toBe('superseded');
    expect(await fixture.attempt(rutterEnsureHandoffConnection, first)).toEqual({
      outcome: 'over',
      state: 'superseded',
    });
    const [stored] = await listConnectionsOfCustomer(fixture.pool, customer);
    expect(stored?.currentHandoffId).toBe(second.handoffId);
  });

  it('has exactly one live handoff when many choose it at the same moment', async () => {
    const { customer, connectionId } = await makeConnectedCustomer();
    const handoffs = await Promise.all(
      Array.from({ length: 8 }, () => fixture.share(customer, { connectionId })),
    );
    await Promise.all(
      handoffs.map((handoff) => fixture.attemptUntilDone(rutterEnsureHandoffConnection, handoff)),
    );
    const states = await Promise.all(
      handoffs.map(async ({ handoffId }) => (await fixture.handoff(handoffId)).state),
    );
    expect(states.filter((state) => state === 'sharing')).toHaveLength(1);
    expect(states.filter((state) => state === 'superseded')).toHaveLength(7);
  });
});
