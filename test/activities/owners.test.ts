import { createHash, randomUUID } from 'node:crypto';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { activityChannels, type ActivityDeps } from '../../src/activities/channels.js';
import { temporalEndCommands } from '../../src/activities/end-commands.js';
import { temporalRestartConnections } from '../../src/activities/rutter/connection/restart-connections.js';
import { temporalRestartFeeds } from '../../src/activities/rutter/delivery/restart-feeds.js';
import { temporalRestartHandoffs } from '../../src/activities/rutter/handoff/restart-handoffs.js';
import { insertCommand, readCommand } from '../../src/db/commands.js';
import { readHandoff } from '../../src/db/rutter/handoffs.js';
import { createDeliveryFixture, type DeliveryFixture } from '../support/rutter/delivery-fixture.js';

/* Rows whose state says that a workflow is at work, and none is. Which workflows run is a fake; the rows are real. */

let fixture: DeliveryFixture;
let deps: ActivityDeps;
const missing = new Set<string>();

beforeAll(async () => {
  fixture = await createDeliveryFixture();
  const among = (ids: readonly string[]) => {
    expect([...ids].sort()).toEqual(ids);
    return Promise.resolve(ids.filter((id) => missing.has(id)));
  };
  const workflows = {
    ...fixture.deps.workflows,
    missingCommands: ({ commandIds }: { commandIds: readonly string[] }) => among(commandIds),
    missingHandoffs: ({ handoffIds }: { handoffIds: readonly string[] }) => among(handoffIds),
    missingFeeds: ({ feedIds }: { feedIds: readonly string[] }) => among(feedIds),
    missingConnections: ({ connectionIds }: { connectionIds: readonly string[] }) => among(connectionIds),
  };
  deps = { ...fixture.deps, workflows };
});
afterAll(() => fixture.close());
beforeEach(async () => {
  missing.clear();
  fixture.woken.length = 0;
  await fixture.pool.query(`UPDATE repair_tasks SET cursor_id = NULL`);
});

async function run<T>(activity: (deps: ActivityDeps) => () => Promise<T>): Promise<T> {
  const logger = new DefaultLogger('ERROR', () => undefined);
  return await new MockActivityEnvironment({}, { logger }).run(activity(deps));
}

describe('a command that is running in its row', () => {
  const endCommands = () => run((own) => temporalEndCommands<ActivityDeps>(own, activityChannels));

  async function command(kind: string, age: string): Promise<string> {
    const commandId = randomUUID();
    const secretSealed = 'sealed';
    await insertCommand(fixture.pool, { commandId, customerId: null, kind, input: {}, secretSealed });
    await fixture.pool.query(`UPDATE commands SET created_at = now() - $2::interval WHERE command_id = $1`, [
      commandId,
      age,
    ]);
    return commandId;
  }

  it.each(['create_connection', 'sage_list_banks'])(
    'and has no workflow ends with a problem that says so (%s), and its secret is cleared',
    async (kind) => {
      const [lost, working, young] = [
        await command(kind, '61 seconds'),
        await command(kind, '61 seconds'),
        await command(kind, '59 seconds'),
      ];
      for (const id of [lost, young]) missing.add(id);
      expect(await endCommands()).toEqual({ checked: 2, repaired: 1, roundEnded: true });
      const ended = await readCommand(fixture.pool, { commandId: lost });
      expect(ended).toMatchObject({ state: 'failed', problem: { code: 'interrupted' }, secretSealed: null });
      expect(ended?.problem?.message).toContain('Asking again is safe');
      for (const commandId of [working, young]) {
        expect(await readCommand(fixture.pool, { commandId })).toMatchObject({ state: 'running' });
      }
      await fixture.pool.query(`DELETE FROM commands`);
    },
  );

  it('and has no workflow is found behind any number of others that have theirs', async () => {
    await fixture.pool.query(
      `INSERT INTO commands (command_id, kind, input, provider_key, created_at)
       SELECT gen_random_uuid(), 'create_connection', '{}', gen_random_uuid(), now() - interval '1 hour'
         FROM generate_series(1, 1200)`,
    );
    const { rows } = await fixture.pool.query<{ id: string }>(
      `SELECT max(command_id::text) AS id FROM commands`,
    );
    missing.add(rows[0]!.id);
    expect(await endCommands()).toEqual({ checked: 1_200, repaired: 1, roundEnded: true });
    expect(await readCommand(fixture.pool, { commandId: rows[0]!.id })).toMatchObject({ state: 'failed' });
    await fixture.pool.query(`DELETE FROM commands`);
  });

  it('of a kind that this version does not know is left to the version that does', async () => {
    const commandId = await command('of_a_later_version', '1 hour');
    missing.add(commandId);
    expect(await endCommands()).toMatchObject({ checked: 1, repaired: 0 });
    expect(await readCommand(fixture.pool, { commandId })).toMatchObject({ state: 'running' });
    await fixture.pool.query(`DELETE FROM commands`);
  });
});

describe('a handoff that has not ended in its row', () => {
  async function handoff(
    state: string,
    input: { unchangedFor: string; deadlineIn: string },
  ): Promise<string> {
    const { connectionId } = await fixture.makeFeed();
    const handoffId = createHash('sha256').update(randomUUID()).digest('hex');
    await fixture.pool.query(
      `INSERT INTO handoffs (handoff_id, state, deadline_at, redirect_sealed, answer_sealed, customer_id, updated_at)
       SELECT $1, $2, now() + $3::interval, 'sealed', 'sealed', customer_id, now() - $5::interval
         FROM connections WHERE connection_id = $4`,
      [handoffId, state, input.deadlineIn, connectionId, input.unchangedFor],
    );
    missing.add(handoffId);
    return handoffId;
  }
  const restartHandoffs = () => run(temporalRestartHandoffs);
  const stateOf = async (handoffId: string) => (await readHandoff(fixture.pool, { handoffId }))?.state;

  it.each(['logged_in', 'sharing', 'ready'])(
    'and has no workflow is started again while the customer may still go on (%s)',
    async (state) => {
      const lost = await handoff(state, { unchangedFor: '16 seconds', deadlineIn: '5 minutes' });
      const young = await handoff(state, { unchangedFor: '14 seconds', deadlineIn: '5 minutes' });
      const working = await handoff(state, { unchangedFor: '1 minute', deadlineIn: '5 minutes' });
      missing.delete(working);
      expect(await restartHandoffs()).toMatchObject({ repaired: 1 });
      expect(fixture.woken).toEqual([`login ${lost}`]);
      for (const handoffId of [lost, young, working]) expect(await stateOf(handoffId)).toBe(state);
      await fixture.pool.query(`DELETE FROM handoffs`);
    },
  );

  it('and has no workflow ends after its deadline, and the redirect is cleared', async () => {
    const over = await handoff('ready', { unchangedFor: '1 hour', deadlineIn: '-61 seconds' });
    const ending = await handoff('ready', { unchangedFor: '1 hour', deadlineIn: '-59 seconds' });
    expect(await restartHandoffs()).toMatchObject({ checked: 1, repaired: 1 });
    expect(await stateOf(over)).toBe('expired');
    expect(await stateOf(ending)).toBe('ready');
    const { rows } = await fixture.pool.query(
      `SELECT answer_sealed IS NULL AS cleared FROM handoffs WHERE handoff_id = $1`,
      [over],
    );
    expect(rows).toEqual([{ cleared: true }]);
    expect(fixture.woken).toEqual([]);
    await fixture.pool.query(`DELETE FROM handoffs`);
  });

  it('and has no workflow is found behind any number of others that have theirs', async () => {
    const { connectionId } = await fixture.makeFeed();
    await fixture.pool.query(
      `INSERT INTO handoffs (handoff_id, state, deadline_at, redirect_sealed, customer_id, updated_at)
       SELECT encode(sha256(n::text::bytea), 'hex'), 'logged_in', now() + interval '5 minutes', 'sealed', customer_id,
              now() - interval '1 minute'
         FROM connections, generate_series(1, 1200) n WHERE connection_id = $1`,
      [connectionId],
    );
    const { rows } = await fixture.pool.query<{ id: string }>(
      `SELECT max(handoff_id COLLATE "C") AS id FROM handoffs`,
    );
    missing.add(rows[0]!.id);
    expect(await restartHandoffs()).toEqual({ checked: 1_200, repaired: 1, roundEnded: true });
    expect(fixture.woken).toEqual([`login ${rows[0]!.id}`]);
    await fixture.pool.query(`DELETE FROM handoffs`);
  });

  it.each(['opened', 'taken', 'refused', 'superseded', 'expired'])(
    'or has ended is left alone: %s',
    async (state) => {
      await handoff(state, { unchangedFor: '1 hour', deadlineIn: '5 minutes' });
      await handoff(state, { unchangedFor: '1 hour', deadlineIn: '-5 minutes' });
      expect(await restartHandoffs()).toMatchObject({ checked: 0, repaired: 0 });
      await fixture.pool.query(`DELETE FROM handoffs`);
    },
  );
});

describe('a closed feed', () => {
  it('with a batch in flight is started again until the batch has its outcome, but not while its connection is refused or gone', async () => {
    const feed = await fixture.makeFeed();
    missing.add(feed.feedId);
    await fixture.pool.query(
      `UPDATE feeds SET operator = 'closed', state = 'closed', created_at = now() - interval '1 hour',
              state_since = now() - interval '1 hour' WHERE feed_id = $1`,
      [feed.feedId],
    );
    await run(temporalRestartFeeds);
    expect(fixture.woken).toEqual([]);
    await fixture.pool.query(
      `INSERT INTO batches (batch_id, feed_id, connection_id, delivery_lock_id, number, size, body_hash,
                            first_posted_at, last_posted_at)
       VALUES (gen_random_uuid(), $1, $2, 'lock', 1, 1, 'hash', now(), now())`,
      [feed.feedId, feed.connectionId],
    );
    const setStatus = (status: string) =>
      fixture.pool.query(`UPDATE connections SET status = $2 WHERE connection_id = $1`, [
        feed.connectionId,
        status,
      ]);
    await setStatus('refused');
    await run(temporalRestartFeeds);
    expect(fixture.woken).toEqual([]);
    await setStatus('ok');
    await run(temporalRestartFeeds);
    expect(fixture.woken).toEqual([`facts ${feed.feedId}`]);
    await fixture.pool.query(`UPDATE connections SET unlinked_at = now() WHERE connection_id = $1`, [
      feed.connectionId,
    ]);
    await run(temporalRestartFeeds);
    expect(fixture.woken).toHaveLength(1);
  });
});

describe('a connection whose customer has to finish Rutter Link', () => {
  it('is started again when it has no workflow, for thirty days', async () => {
    const { connectionId } = await fixture.makeFeed();
    await fixture.pool.query(`UPDATE feeds SET operator = 'closed', state = 'closed'`);
    missing.add(connectionId);
    const makeOld = (age: string) =>
      fixture.pool.query(
        `UPDATE connections SET link_state = 'awaited', created_at = now() - $2::interval WHERE connection_id = $1`,
        [connectionId, age],
      );
    await makeOld('59 seconds');
    await run(temporalRestartConnections);
    expect(fixture.woken).toEqual([]);
    await makeOld('29 days');
    await run(temporalRestartConnections);
    expect(fixture.woken).toEqual([`wake ${connectionId}`]);
    await makeOld('31 days');
    await run(temporalRestartConnections);
    expect(fixture.woken).toHaveLength(1);
  });
});
