import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApi, tokens, transaction, type ApiAnswer, type ApiFixture } from './machine-api-fixture.js';

let api: ApiFixture;
let accountId: string;
let path: string;
beforeAll(async () => {
  api = await startApi();
  ({ accountId } = await api.makeAccount());
  path = `/v1/accounts/${accountId}/transactions`;
});
afterAll(() => api.stop());

const json = (body: unknown) => api.call('POST', path, { json: body });
const raw = (body: string | Uint8Array, type = 'application/json', headers: Record<string, string> = {}) =>
  api.call('POST', path, { raw: body, headers: { 'Content-Type': type, ...headers } });
const ndjson = (body: string | Uint8Array | ReadableStream<Uint8Array>) =>
  api.call('POST', path, { raw: body, headers: { 'Content-Type': 'application/x-ndjson' } });
const countRows = async () =>
  (await api.rows(`SELECT 1 FROM postings WHERE account_id = $1`, [accountId])).length;

/** A rejected item of a list; `word` is in its reason. */
const rejected = (id: string | null, index: number, pointers: string[], word: string) => ({
  transaction_id: id,
  index,
  pointer: `/transactions/${index}${pointers[0]}`,
  reason: expect.stringContaining(word) as string,
  errors: pointers.map((pointer) => ({
    pointer: `/transactions/${index}${pointer}`,
    reason: expect.any(String) as string,
  })),
});

function expectProblem(answer: ApiAnswer, status: number, code: string) {
  expect([answer.status, answer.body.code]).toEqual([status, code]);
  expect(answer.headers.get('Content-Type')).toBe('application/problem+json');
}

describe('a JSON list of postings', () => {
  it('keeps the good items and lists the bad ones with id, index, place and reason', async () => {
    const answer = await json({
      transactions: [
        transaction('list-1'),
        transaction('list-2', { amount: '12,50' }),
        transaction('list-3', { posted_at: '2026-02-03T09:14:07' }),
        'nonsense',
        transaction('list-4'),
      ],
    });
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({ accepted: 2, rejected_total: 3 });
    expect(answer.body.rejected).toEqual([
      rejected('list-2', 1, ['/amount'], 'amount'),
      rejected('list-3', 2, ['/posted_at'], 'offset'),
      rejected(null, 3, [''], 'object'),
    ]);
  });

  it('has every wrong field of an item named, by pointer and reason', async () => {
    const bad = { amount: '12,50', posted_at: 'now', description: '', memo: 'x' };
    const answer = await json({ transactions: [transaction('ok-1'), transaction('bad-1', bad)] });
    expect(answer.body.rejected).toEqual([
      rejected('bad-1', 1, ['/memo', '/posted_at', '/amount', '/description'], 'posted_at'),
    ]);
  });

  it('of which nothing is taken is 422 with the same lists, also when it is repeated under its key', async () => {
    const body = { transactions: [transaction('no-1', { amount: 'x', payee: '' }), 5] };
    const headers = { 'Idempotency-Key': 'nothing-taken' };
    for (const replayed of [null, 'true']) {
      const answer = await api.call('POST', path, { json: body, headers });
      expectProblem(answer, 422, 'nothing_accepted');
      expect(answer.headers.get('Idempotency-Replayed')).toBe(replayed);
      expect(answer.body).toMatchObject({ accepted: 0, repeated: 0, conflicts: [], rejected_total: 2 });
      expect(answer.body.rejected).toHaveLength(2);
      expect(answer.body.errors.map(({ pointer }) => pointer)).toEqual([
        ...['/transactions/0/amount', '/transactions/0/payee', '/transactions/1'],
      ]);
    }
  });

  it('is 200 as soon as one item is accepted, repeated or conflicting', async () => {
    const bad = transaction('mixed-bad', { amount: 'x' });
    for (const good of [transaction('mixed'), transaction('mixed'), transaction('mixed', { amount: '-9' })]) {
      expect((await json({ transactions: [bad, good] })).status).toBe(200);
    }
  });

  it.each([1, 999, 1_000, 1_001, 10_000])('of %d is stored whole', async (length) => {
    const items = Array.from({ length }, (_, index) => transaction(`of-${length}-${index}`));
    const answer = await json({ transactions: items });
    expect(answer.body).toMatchObject({ accepted: length, repeated: 0 });
  });

  it('of more than 10,000 is 413 and nothing is stored', async () => {
    const before = await countRows();
    const items = Array.from({ length: 10_001 }, (_, index) => transaction(`many-${index}`));
    expectProblem(await json({ transactions: items }), 413, 'too_many_transactions');
    expect(await countRows()).toBe(before);
  });

  it.each([
    [{ transactions: [] }, '/transactions'],
    [{}, '/transactions'],
    [{ transactions: {} }, '/transactions'],
    [{ transactions: [transaction('x')], extra: 1 }, '/extra'],
    [[], ''],
    [null, ''],
  ])('that is none is 422 with a pointer to the error: %j', async (body, pointer) => {
    const answer = await json(body);
    expectProblem(answer, 422, 'invalid_body');
    expect(answer.body.errors[0]!.pointer).toBe(pointer);
  });

  it('that is broken is 400 naming line and column, and nothing is stored', async () => {
    const before = await countRows();
    const good = JSON.stringify(transaction('broken'));
    for (const body of [
      `{"transactions":[${good},]}`,
      `{"transactions":[${good}`,
      '',
      Buffer.from([0x22, 0xff, 0x22]),
    ]) {
      expectProblem(await raw(body), 400, 'malformed_json');
    }
    expect((await raw(`{"transactions":\n[${good},]}`)).body.detail).toMatch(/line 2, column \d+/);
    expect(await countRows()).toBe(before);
  });

  it('in which a name occurs twice is refused, not read as the last of them', async () => {
    const twice = `{"transactions":[{"amount":"1",${JSON.stringify(transaction('twice')).slice(1)}]}`;
    const answer = await raw(twice);
    expectProblem(answer, 400, 'malformed_json');
    expect(answer.body.detail).toContain('twice');
  });

  it('never rounds: a number of more than fifteen digits is rejected by name', async () => {
    const item = JSON.stringify(transaction('digits')).replace('"-12.50"', '12.50000000000000001');
    expect((await raw(`{"transactions":[${item}]}`)).body.rejected).toMatchObject([
      { transaction_id: 'digits', reason: expect.stringContaining('15 significant digits') as string },
    ]);
  });

  it('nested without end is refused', async () => {
    expectProblem(await raw('['.repeat(500_000) + ']'.repeat(500_000)), 400, 'malformed_json');
  });

  it.each([
    ['text/plain', {}, 'unsupported_media_type'],
    ['', {}, 'unsupported_media_type'],
    ['application/json; charset=iso-8859-1', {}, 'unsupported_charset'],
    ['application/json', { 'Content-Encoding': 'gzip' }, 'unsupported_encoding'],
    ['application/x-ndjson', { 'Content-Encoding': 'gzip' }, 'unsupported_encoding'],
  ])('of type %j with headers %j is 415', async (type, headers, code) => {
    expectProblem(await raw(gzipSync('{"transactions":[]}'), type, headers), 415, code);
  });

  it('for an account that does not exist is 404', async () => {
    for (const id of ['nobody', '%00', '%20x', 'x'.repeat(300)]) {
      expectProblem(
        await api.call('POST', `/v1/accounts/${id}/transactions`, {
          json: { transactions: [transaction('1')] },
        }),
        404,
        'not_found',
      );
    }
    expectProblem(await api.call('POST', '/v1/accounts/%zz/transactions', { json: {} }), 400, 'bad_request');
  });

  it('may not come with parameters in the query', async () => {
    expectProblem(
      await api.call('POST', `${path}?dry_run=true`, { json: { transactions: [transaction('1')] } }),
      400,
      'invalid_query',
    );
  });

  it('beyond the size limit is 413', async () => {
    expectProblem(await raw(Buffer.alloc(33 * 1024 * 1024, ' ')), 413, 'body_too_large');
  });
});

describe('a stream of postings as NDJSON', () => {
  it('rejects broken lines by their index and keeps the others, blank lines and a missing last line feed aside', async () => {
    const lines = [
      JSON.stringify(transaction('nd-0')),
      '{"transaction_id": "nd-1",',
      '',
      JSON.stringify(transaction('nd-3', { amount: 'x' })),
      'x'.repeat(70_000),
      `${JSON.stringify(transaction('nd-5'))}\r`,
      '{"a":1,"a":1}',
      JSON.stringify(transaction('nd-7')),
    ];
    const answer = await ndjson(lines.join('\n'));
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({ accepted: 3, rejected_total: 4 });
    expect(answer.body.rejected).toMatchObject([
      { index: 1, transaction_id: null, reason: expect.stringContaining('not valid JSON') as string },
      { index: 3, transaction_id: 'nd-3', pointer: '/amount' },
      { index: 4, reason: expect.stringContaining('bytes') as string },
      { index: 6, reason: expect.stringContaining('twice') as string },
    ]);
  });

  it('of which nothing is taken is 422 with the same lists; an empty one is 200', async () => {
    const answer = await ndjson(`{"transaction_id":"nd-no"}\n\nnonsense`);
    expectProblem(answer, 422, 'nothing_accepted');
    expect(answer.body).toMatchObject({ rejected_total: 2, rejected: [{ index: 0 }, { index: 2 }] });
    expect((await ndjson('\n\n')).status).toBe(200);
  });

  it('of broken UTF-8 is rejected line by line, never stored with replacement characters', async () => {
    const good = Buffer.from(`${JSON.stringify(transaction('utf-0'))}\n`);
    const bad = Buffer.from(`${JSON.stringify(transaction('utf-1', { description: '#' }))}\n`);
    bad[bad.indexOf('#')] = 0xff;
    expect((await ndjson(Buffer.concat([bad, good]))).body).toMatchObject({
      accepted: 1,
      rejected: [{ index: 0 }],
    });
  });

  it('is committed every 1,000 lines while it is still sent', async () => {
    const before = await countRows();
    let feed: ReadableStreamDefaultController<Uint8Array> | undefined;
    const body = new ReadableStream<Uint8Array>({ start: (controller) => void (feed = controller) });
    const answer = ndjson(body);
    const line = (index: number) => `${JSON.stringify(transaction(`slow-${index}`))}\n`;
    feed!.enqueue(Buffer.from(Array.from({ length: 1_500 }, (_, index) => line(index)).join('')));
    await expect.poll(countRows, { timeout: 10_000 }).toBe(before + 1_000);
    feed!.enqueue(Buffer.from(line(1_500)));
    feed!.close();
    expect((await answer).body).toMatchObject({ accepted: 1_501 });
    expect(await countRows()).toBe(before + 1_501);
  });

  it('caps its lists at 1,000 with exact totals', async () => {
    const lines = Array.from({ length: 2_500 }, (_, index) => `{"transaction_id":"cap-${index}"}`);
    const conflicting = Array.from({ length: 1_200 }, () =>
      JSON.stringify(transaction('cap', { amount: '1' })),
    );
    await ndjson(JSON.stringify(transaction('cap')));
    const answer = await ndjson([...lines, ...conflicting].join('\n'));
    expect(answer.body).toMatchObject({ rejected_total: 2_500, conflicts_total: 1_200 });
    expect([answer.body.rejected.length, answer.body.conflicts.length]).toEqual([1_000, 1_000]);
  });

  it('wakes the feeds at its end, and before that at most once a second', async () => {
    const account = await api.makeAccount();
    await api.makeFeed({ ...account, account_status: 'active' });
    const before = api.facade.calls.length;
    const lines = Array.from({ length: 5_000 }, (_, index) => JSON.stringify(transaction(`wake-${index}`)));
    const startedMs = Date.now();
    await api.call('POST', `/v1/accounts/${account.accountId}/transactions`, {
      raw: lines.join('\n'),
      headers: { 'Content-Type': 'application/x-ndjson' },
    });
    const seconds = Math.ceil((Date.now() - startedMs) / 1_000);
    await api.drained();
    const wakes = api.facade.calls.length - before;
    expect(wakes).toBeGreaterThanOrEqual(1);
    expect(wakes).toBeLessThanOrEqual(seconds + 1);
  });

  it('that breaks off keeps what was committed, and the API continues', async () => {
    const before = await countRows();
    const abort = new AbortController();
    let feed: ReadableStreamDefaultController<Uint8Array> | undefined;
    const body = new ReadableStream<Uint8Array>({ start: (controller) => void (feed = controller) });
    const answer = fetch(api.url + path, {
      method: 'POST',
      body,
      duplex: 'half',
      signal: abort.signal,
      headers: {
        Authorization: `Bearer ${tokens.core}`,
        'Content-Type': 'application/x-ndjson',
      },
    });
    const lines = Array.from(
      { length: 1_200 },
      (_, index) => `${JSON.stringify(transaction(`cut-${index}`))}\n`,
    );
    feed!.enqueue(Buffer.from(lines.join('')));
    await expect.poll(countRows, { timeout: 10_000 }).toBe(before + 1_000);
    abort.abort();
    await expect(answer).rejects.toThrow();
    const again = await ndjson(lines.join(''));
    expect(again.body).toMatchObject({ accepted: 200, repeated: 1_000 });
  });
});
