import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  failCommand,
  finishCommand,
  readCommand,
  type CommandProblemCode,
} from '../../../src/db/commands.js';
import { startApi, type ApiFixture } from '../machine-api-fixture.js';

let api: ApiFixture;
beforeAll(async () => (api = await startApi()));
afterAll(() => api.stop());
beforeEach(() => {
  api.facade.calls.length = 0;
  api.facade.onCall = () => Promise.resolve();
});

async function liveFeed(openedOn: string | null = null) {
  const account = await api.makeAccount();
  await api.pool.query(`UPDATE accounts SET opened_on = $2 WHERE account_id = $1`, [
    account.accountId,
    openedOn,
  ]);
  const feedId = await api.makeFeed({ ...account, account_status: 'active', state: 'live' });
  return { ...account, feedId };
}

const resync = (feedId: string, json: unknown, headers: Record<string, string> = {}) =>
  api.call('POST', `/v1/feeds/${feedId}/resync`, { role: 'ops', json, headers });

/** What the command's workflow does, as soon as it is started. */
function answerWith(work: (commandId: string) => Promise<unknown>): void {
  api.facade.onCall = async ({ name, input }) => {
    if (name === 'runCommand') await work((input as { commandId: string }).commandId);
  };
}

function done(commandId: string, feedId: string) {
  return finishCommand(api.pool, {
    commandId,
    result: {
      feed_id: feedId,
      from: '2026-02-01T00:00:00.000Z',
      effective_from: '2026-02-01T00:00:00.000Z',
      compared: 2,
      at_rutter: 1,
      gap: 1,
      already_waiting: 0,
      known_at_rutter: 0,
      transaction_ids: ['a'],
      first_posted_at: '2026-02-03T09:14:07.000Z',
      last_posted_at: '2026-02-03T09:14:07.000Z',
      dry_run: true,
    },
  });
}

describe('requesting a resync', () => {
  it('stores a command for the feed and answers with its result', async () => {
    const { feedId, customerId } = await liveFeed();
    let commandId = '';
    answerWith(async (started) => done((commandId = started), feedId));
    const answer = await resync(feedId, { from: '2026-02-01', dry_run: true });
    expect([answer.status, answer.body['gap'], answer.body['transaction_ids']]).toEqual([200, 1, ['a']]);
    expect(await readCommand(api.pool, { commandId })).toMatchObject({
      customerId,
      kind: 'resync_feed',
      input: {
        feed_id: feedId,
        from: '2026-02-01T00:00:00.000Z',
        from_day: '2026-02-01',
        dry_run: true,
      },
    });
    const shown = await api.call('GET', `/v1/commands/${commandId}`, { role: 'ops' });
    expect(shown.body).toMatchObject({ kind: 'resync_feed', state: 'done', result: { gap: 1 } });
  });

  it('under an Idempotency-Key is one command, and runs again after an answer that asks for a retry', async () => {
    const { feedId } = await liveFeed();
    const headers = { 'Idempotency-Key': randomUUID() };
    const started: string[] = [];
    answerWith(async (commandId) => {
      started.push(commandId);
      await failCommand(api.pool, { commandId, problem: { code: 'provider_unavailable', message: 'away' } });
    });
    expect((await resync(feedId, { from: '2026-02-01' }, headers)).status).toBe(503);
    answerWith(async (commandId) => {
      started.push(commandId);
      await done(commandId, feedId);
    });
    expect((await resync(feedId, { from: '2026-02-01' }, headers)).status).toBe(200);
    const replayed = await resync(feedId, { from: '2026-02-01' }, headers);
    expect([replayed.status, replayed.headers.get('Idempotency-Replayed')]).toEqual([200, 'true']);
    expect(new Set(started).size).toBe(2);
    expect((await resync(feedId, { from: '2026-02-02' }, headers)).status).toBe(409);
  });

  it.each<[unknown, string]>([
    ['2026-01-31', 'before the account was opened'],
    ['2026-01-31T23:59:59.999Z', 'before the account was opened'],
    ['2026-01-31T23:30:00-05:00', 'before the account was opened, as it is written'],
    ['2999-01-01', 'in the future'],
    ['2026-02-30', 'no such day'],
    ['0000-01-01', 'no such year'],
    ['2026-02-01T00:00:00', 'without an offset'],
    ['yesterday', 'no date'],
    ['', 'empty'],
    [1_770_000_000, 'a number'],
    [null, 'null'],
    [undefined, 'absent'],
  ])('from %j is refused with 422 at /from: %s', async (from) => {
    const { feedId } = await liveFeed('2026-02-01');
    const answer = await resync(feedId, { from });
    expect([answer.status, answer.body.errors[0]?.pointer]).toEqual([422, '/from']);
    expect(api.facade.calls).toEqual([]);
  });

  it.each(['2026-02-01', '2026-02-01T00:00:00Z', '2026-02-01T00:30:00+01:00', '2026-02-01T13:00:00+13:00'])(
    'from %j, the day of the opening itself, is taken',
    async (from) => {
      const { feedId } = await liveFeed('2026-02-01');
      answerWith(async (commandId) => done(commandId, feedId));
      expect((await resync(feedId, { from })).status).toBe(200);
    },
  );

  it('has no earliest date when it is unknown when the account was opened', async () => {
    const { feedId } = await liveFeed();
    answerWith(async (commandId) => done(commandId, feedId));
    expect((await resync(feedId, { from: '1900-01-01' })).status).toBe(200);
  });

  it.each<[CommandProblemCode, number]>([
    ['wrong_state', 409],
    ['list_too_long', 422],
    ['token_refused', 422],
    ['credentials_rejected', 502],
    ['provider_unavailable', 503],
  ])('that ended with %s answers %i', async (code, status) => {
    const { feedId } = await liveFeed();
    answerWith((commandId) => failCommand(api.pool, { commandId, problem: { code, message: 'in words' } }));
    const answer = await resync(feedId, { from: '2026-02-01' });
    expect([answer.status, answer.body.code]).toEqual([status, code]);
    if (status === 409)
      expect(answer.body).toMatchObject({ state: 'live', allowed_actions: expect.any(Array) as [] });
  });
});
