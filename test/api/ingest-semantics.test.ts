import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sha256Hex } from '../../src/crypto/hash.js';
import { canonicalContent, parsePosting } from '../../src/domain/posting-input.js';
import { until } from '../support/until.js';
import { startApi, transaction, type ApiFixture } from './machine-api-fixture.js';

let api: ApiFixture;
beforeAll(async () => (api = await startApi()));
afterAll(() => api.stop());

const send = (accountId: string, ...transactions: unknown[]) =>
  api.call('POST', `/v1/accounts/${accountId}/transactions`, { json: { transactions } });

async function stored(accountId: string) {
  const { rows } = await api.pool.query(
    `SELECT transaction_id AS id, sequence::int, status, amount::text FROM postings WHERE account_id = $1 ORDER BY sequence`,
    [accountId],
  );
  return rows as { id: string; sequence: number; status: string; amount: string }[];
}

/** The hash under which a transaction of an account in EUR is stored. */
function hashOf(value: unknown): string {
  const nowMs = Date.now();
  const parsed = parsePosting({
    value,
    currency: 'EUR',
    accountType: 'bank',
    signCheck: 'warn',
    timeZone: null,
    nowMs,
  });
  if ('problem' in parsed) throw new Error('not a posting');
  return sha256Hex(canonicalContent(parsed.posting));
}

const tally = (accepted: number, repeated: number, conflicts = 0, rejected = 0) => ({
  accepted,
  repeated,
  conflicts_total: conflicts,
  rejected_total: rejected,
});

describe('a posting sent to an account', () => {
  it('is accepted once and counted as repeated from then on, however it is written', async () => {
    const { accountId } = await api.makeAccount();
    expect((await send(accountId, transaction('1'))).body).toMatchObject(tally(1, 0));
    const again = await send(
      accountId,
      transaction('1', { amount: -12.5, posted_at: '2026-02-03T10:14:07+01:00' }),
    );
    expect(again.body).toMatchObject(tally(0, 1));
    expect(await stored(accountId)).toEqual([{ id: '1', sequence: 1, status: 'posted', amount: '-12.5' }]);
  });

  it('is never overwritten: other content is listed as a conflict, kept and counted', async () => {
    const { accountId } = await api.makeAccount();
    await send(accountId, transaction('1'));
    const other = transaction('1', { amount: '-13' });
    expect((await send(accountId, other, other)).body).toMatchObject({
      ...tally(0, 0, 2),
      conflicts: [
        { transaction_id: '1', code: 'other_content' },
        { transaction_id: '1', code: 'other_content' },
      ],
    });
    await send(accountId, other);
    expect(await stored(accountId)).toMatchObject([{ amount: '-12.5' }]);
    const { rows } = await api.pool.query(
      `SELECT times, reason, received->>'amount' AS amount FROM posting_conflicts WHERE account_id = $1`,
      [accountId],
    );
    expect(rows).toEqual([{ times: 3, reason: 'other_content', amount: '-13' }]);
  });

  it('of another account under the same id is another posting', async () => {
    const [one, other] = [await api.makeAccount(), await api.makeAccount()];
    expect((await send(one.accountId, transaction('1'))).body).toMatchObject(tally(1, 0));
    expect((await send(other.accountId, transaction('1', { amount: '5' }))).body).toMatchObject(tally(1, 0));
  });

  it('is replaced while pending, by a new version, by posted and by void, each time at the end of the order', async () => {
    const { accountId } = await api.makeAccount();
    const pending = (id: string, amount: string) => transaction(id, { status: 'pending', amount });
    await send(accountId, pending('a', '-1'), pending('b', '-1'), transaction('c'));
    expect((await send(accountId, pending('a', '-2'))).body).toMatchObject(tally(1, 0));
    expect((await send(accountId, transaction('a', { amount: '-3' }))).body).toMatchObject(tally(1, 0));
    expect((await send(accountId, transaction('b', { status: 'void' }))).body).toMatchObject(tally(1, 0));
    expect(await stored(accountId)).toEqual([
      { id: 'c', sequence: 3, status: 'posted', amount: '-12.5' },
      { id: 'a', sequence: 5, status: 'posted', amount: '-3' },
      { id: 'b', sequence: 6, status: 'void', amount: '-12.5' },
    ]);
  });

  it('is final once posted or void: pending after that, and anything after void, are conflicts', async () => {
    const { accountId } = await api.makeAccount();
    await send(accountId, transaction('p'), transaction('v', { status: 'void' }));
    const answer = await send(
      accountId,
      transaction('p', { status: 'pending' }),
      transaction('v'),
      transaction('v', { status: 'pending' }),
      transaction('v', { status: 'void', amount: '1' }),
    );
    expect(answer.body).toMatchObject(tally(0, 0, 4));
    expect(answer.body.conflicts.map(({ code }) => code)).toEqual([
      ...['already_posted', 'already_void', 'already_void', 'other_content'],
    ]);
    expect((await stored(accountId)).map(({ status }) => status)).toEqual(['posted', 'void']);
  });

  it('is repeated when any of its earlier pending versions is sent again, whatever it is now', async () => {
    const { accountId } = await api.makeAccount();
    const version = (id: string, amount: string) => transaction(id, { status: 'pending', amount });
    await send(accountId, version('a', '-1'), version('a', '-2'), version('b', '-1'), version('c', '-1'));
    await send(
      accountId,
      version('a', '-3'),
      transaction('a', { amount: '-3' }),
      transaction('b', { status: 'void' }),
    );
    const again = ['-1', '-2', '-3'].map((amount) => version('a', amount));
    expect((await send(accountId, ...again, version('b', '-1'))).body).toMatchObject(tally(0, 4));
    // Of a pending one as well: the old version does not come back.
    await send(accountId, version('c', '-2'));
    expect((await send(accountId, version('c', '-1'))).body).toMatchObject(tally(0, 1));
    expect((await send(accountId, version('a', '-4'))).body.conflicts).toMatchObject([
      { code: 'already_posted' },
    ]);
    const rows = await stored(accountId);
    expect(rows.map(({ id, status, amount }) => [id, status, amount])).toEqual([
      ['a', 'posted', '-3'],
      ['b', 'void', '-12.5'],
      ['c', 'pending', '-2'],
    ]);
  });

  it('has its last 50 pending versions remembered, which bounds its row', async () => {
    const { accountId } = await api.makeAccount();
    const versions = Array.from({ length: 53 }, (_, index) =>
      transaction('a', { status: 'pending', amount: `-${index + 1}` }),
    );
    await send(accountId, ...versions);
    expect((await send(accountId, versions[2])).body).toMatchObject(tally(0, 1));
    expect((await send(accountId, versions[1])).body).toMatchObject(tally(1, 0));
    const [row] = await api.rows<{ bytes: number }>(
      `SELECT length(earlier_hashes) AS bytes FROM postings WHERE account_id = $1`,
      [accountId],
    );
    expect(row?.bytes).toBe(50 * 32);
  });

  it('is withdrawn by void while no feed has it in a batch, and is a conflict when it is sent again', async () => {
    const account = await api.makeAccount();
    const { accountId } = account;
    await api.makeFeed({ ...account, account_status: 'waiting' });
    await send(accountId, transaction('p'), transaction('q'));
    const answer = await send(
      accountId,
      transaction('p', { status: 'void' }),
      transaction('n'),
      transaction('n', { status: 'void' }),
    );
    expect(answer.body).toMatchObject(tally(3, 0));
    expect((await send(accountId, transaction('p', { status: 'void' }))).body).toMatchObject(tally(0, 1));
    expect((await send(accountId, transaction('p'))).body.conflicts).toMatchObject([
      { code: 'already_void' },
    ]);
    expect((await stored(accountId)).map(({ id, status }) => [id, status])).toEqual([
      ['q', 'posted'],
      ['p', 'void'],
      ['n', 'void'],
    ]);
  });

  it.each([
    ['delivered', null, 'already_in_batch', 'corrects'],
    ['open', null, 'already_in_batch', 'corrects'],
    ['refused', 'suspected', 'already_in_batch', 'corrects'],
    ['refused', 'quarantined', 'already_refused', 'discard'],
    ['refused', 'discarded', 'already_refused', 'discard'],
  ])(
    'in a batch of any feed (%s, %s) is not withdrawn: %s says what to send',
    async (state, exception, code, word) => {
      const account = await api.makeAccount();
      const { accountId } = account;
      await api.makeFeed(account);
      const feedId = await api.makeFeed({ ...account, operator: 'closed' });
      await send(accountId, transaction('p'));
      await api.rows(
        `WITH b AS (INSERT INTO batches (batch_id, feed_id, connection_id, delivery_lock_id, number, size, body_hash,
                                       first_posted_at, last_posted_at, state)
                  SELECT gen_random_uuid(), feed_id, connection_id, feed_id::text, 1, 1, '', now(), now(), $2
                    FROM feeds WHERE feed_id = $1 RETURNING batch_id)
       INSERT INTO ledger (feed_id, transaction_id, batch_id, position, exception) SELECT $1, 'p', batch_id, 0, $3 FROM b`,
        [feedId, state, exception],
      );
      const answer = await send(accountId, transaction('p', { status: 'void' }));
      expect(answer.body.conflicts).toMatchObject([
        { code, reason: expect.stringContaining(word) as string },
      ]);
      expect((await stored(accountId)).map(({ status }) => status)).toEqual(['posted']);
    },
  );

  it('whose sign contradicts its type is rejected with the rule, unless it repeats what is stored', async () => {
    const { accountId } = await api.makeAccount();
    const wrong = transaction('w', { amount: '5', transaction_type: 'debit' });
    const answer = await send(accountId, wrong, transaction('x'));
    expect(answer.body).toMatchObject({ ...tally(1, 0, 0, 1), warnings_total: 0 });
    expect(answer.body.rejected).toMatchObject([
      {
        transaction_id: 'w',
        index: 0,
        pointer: '/transactions/0/amount',
        reason: expect.stringContaining('money out') as string,
      },
    ]);
    expect((await send(accountId, wrong)).status).toBe(422);
    // As it was stored before the rule.
    const right = transaction('w', { amount: '5', transaction_type: 'transfer' });
    await send(accountId, right);
    await api.rows(
      `UPDATE postings SET transaction_type = 'debit', content_hash = $2 WHERE account_id = $1 AND transaction_id = 'w'`,
      [accountId, `\\x${hashOf(wrong)}`],
    );
    expect((await send(accountId, wrong)).body).toMatchObject(tally(0, 1));
    expect((await send(accountId, { ...wrong, status: 'void' })).body).toMatchObject(tally(1, 0));
  });

  it('is checked against an earlier one of the same call', async () => {
    const { accountId } = await api.makeAccount();
    const pending = transaction('a', { status: 'pending' });
    const answer = await send(
      accountId,
      pending,
      transaction('x'),
      pending,
      transaction('a', { amount: '-9' }),
      transaction('a', { amount: '-8' }),
      transaction('a', { amount: '-9' }),
    );
    expect(answer.body).toMatchObject(tally(3, 2, 1));
    expect(await stored(accountId)).toEqual([
      { id: 'x', sequence: 2, status: 'posted', amount: '-12.5' },
      { id: 'a', sequence: 3, status: 'posted', amount: '-9' },
    ]);
  });

  it('takes the next sequence in the order of the input, without gaps, also when many write at once', async () => {
    const { accountId } = await api.makeAccount();
    const writers = Array.from({ length: 6 }, (_, writer) =>
      send(accountId, ...Array.from({ length: 50 }, (__, place) => transaction(`${writer % 3}-${place}`))),
    );
    const answers = await Promise.all(writers);
    const sum = (name: string) => answers.reduce((total, { body }) => total + (body[name] as number), 0);
    expect([sum('accepted'), sum('repeated')]).toEqual([150, 150]);
    const rows = await stored(accountId);
    expect(rows.map(({ sequence }) => sequence)).toEqual(
      Array.from({ length: 150 }, (_, index) => index + 1),
    );
    for (const writer of ['0', '1', '2']) {
      const places = rows
        .filter(({ id }) => id.startsWith(`${writer}-`))
        .map(({ id }) => Number(id.split('-')[1]));
      expect(places).toEqual(Array.from({ length: 50 }, (_, index) => index));
    }
  });

  it('keeps its amount exactly, to the last of fifteen digits', async () => {
    const { accountId } = await api.makeAccount({ currency: 'KWD' });
    await send(
      accountId,
      transaction('1', { amount: '-999999999999.999' }),
      transaction('2', { amount: 0.1 }),
    );
    expect((await stored(accountId)).map(({ amount }) => amount)).toEqual(['-999999999999.999', '0.1']);
  });
});

describe('the feeds of an account', () => {
  it('are woken after every call that stored or repeated something, if they could send now', async () => {
    const account = await api.makeAccount();
    const feedId = await api.makeFeed({ ...account, account_status: 'active' });
    await api.makeFeed({ ...account, account_status: 'waiting' });
    await api.makeFeed({ ...account, account_status: 'active', operator: 'paused' });
    await api.makeFeed({ ...account, account_status: 'active', operator: 'closed' });
    await api.makeFeed({ ...account, account_status: 'active', state: 'reauth_required' });
    const wakes = () => api.facade.calls.filter(({ name }) => name === 'wakeFeed').map(({ input }) => input);
    for (const expected of [1, 2]) {
      await send(account.accountId, transaction('1'));
      await api.drained();
      expect(wakes()).toEqual(Array.from({ length: expected }, () => ({ feedId })));
    }
  });

  it('do not keep a posting from being stored when Temporal is away: 200, and a warning in the log', async () => {
    const account = await api.makeAccount();
    await api.makeFeed({ ...account, account_status: 'active' });
    api.facade.onCall = () => Promise.reject(new Error('Temporal is away'));
    try {
      const answer = await send(account.accountId, transaction('1'));
      expect([answer.status, answer.body.accepted]).toEqual([200, 1]);
      await until(() => api.logLines.some((line) => line.includes('wake-up not sent')), {
        timeoutMs: 5_000,
        describe: 'the lost wake-up is in the log',
      });
    } finally {
      api.facade.onCall = () => Promise.resolve();
    }
  });
});
