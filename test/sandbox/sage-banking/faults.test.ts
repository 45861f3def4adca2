import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FaultSpec } from '../../../sandbox/sage-banking/faults.js';
import {
  application,
  makeAccount,
  makeRule,
  onboard,
  rule,
  startSession,
  type Company,
  type LinkedAccount,
  type OwnSession,
  type Reply,
} from './session.js';

/** Without an answer within this time the sandbox hangs. */
const hangMs = 400;

let session: OwnSession;
let company: Company;
let account: LinkedAccount;
beforeEach(async () => {
  session = await startSession();
  company = await onboard(session);
  account = await makeAccount(session, company);
});
afterEach(() => session.close());

const order = async (fault: FaultSpec): Promise<void> => {
  expect((await session.control('POST', '/faults', fault)).status).toBe(200);
};
const post = (signal?: AbortSignal): Promise<Reply> =>
  session.call('POST', `${account.path}/rules`, {
    token: company.token,
    body: rule([['$baseType', 'eq', 'debit']]),
    ...(signal === undefined ? {} : { signal }),
  });
const ruleCount = async (): Promise<number> =>
  (await session.control('GET', `/accounts/${account.id}`)).body.rules.length;

describe('faults before the effect', () => {
  const cases: [fault: FaultSpec, status: number, code: string][] = [
    [{ kind: 'rate_limited', retry_after: '7' }, 429, 'tooManyRequests'],
    [{ kind: 'unauthorised' }, 401, 'unauthorised'],
    [{ kind: 'server_error_before_effect' }, 500, 'internal'],
    [{ kind: 'server_error_before_effect', http_status: 503 }, 503, 'internal'],
  ];
  it.each(cases)('%j answers without an effect', async (fault, status, code) => {
    await order({ ...fault, match: { path: '/rules' } });
    const reply = await post();
    expect([reply.status, reply.body.error.code]).toEqual([status, code]);
    expect(reply.headers.get('retry-after')).toBe(fault.retry_after ?? null);
    expect(await ruleCount()).toBe(0);
    expect((await post()).status).toBe(201);
  });

  it('reset the connection, or never answer', async () => {
    await order({ kind: 'reset_before_effect', match: { method: 'POST' } });
    await expect(post()).rejects.toThrow();
    await order({ kind: 'hang_before_effect', match: { method: 'POST' } });
    await expect(post(AbortSignal.timeout(hangMs))).rejects.toThrow();
    expect(await ruleCount()).toBe(0);
  });

  it('answer with a given status and body', async () => {
    await order({ kind: 'status', http_status: 418, body: { odd: true }, headers: { 'x-odd': '1' } });
    const odd = await post();
    expect([odd.status, odd.body, odd.headers.get('x-odd')]).toEqual([418, { odd: true }, '1']);
    await order({ kind: 'redirect', location: 'https://elsewhere.test/' });
    const away = await post();
    expect([away.status, away.headers.get('location')]).toEqual([302, 'https://elsewhere.test/']);
  });
});

describe('faults after the effect', () => {
  it.each(['before_any_byte', 'after_headers', 'half_body'] as const)(
    'lose the answer by a reset %s, but not the effect',
    async (point) => {
      await order({ kind: 'reset_after_effect', point, match: { path: '/rules' } });
      await expect(post()).rejects.toThrow();
      expect(await ruleCount()).toBe(1);
    },
  );

  it('lose the answer by a hang or a gateway’s error, but not the effect', async () => {
    await order({ kind: 'hang_after_effect', match: { path: '/rules' } });
    await expect(post(AbortSignal.timeout(hangMs))).rejects.toThrow();
    await order({ kind: 'server_error_after_effect', http_status: 502, match: { path: '/rules' } });
    expect((await post()).status).toBe(502);
    expect(await ruleCount()).toBe(2);
  });

  it('delay the answer, by the virtual clock', async () => {
    await order({ kind: 'slow', delay_ms: 3_600_000 });
    const late = post();
    await expect.poll(ruleCount).toBe(1);
    await session.advance(3_600_000);
    expect((await late).status).toBe(201);
  });

  it.each(['truncated_json', 'html', 'empty'] as const)('spoil the body: %s', async (shape) => {
    await order({ kind: 'malformed_body', shape });
    const reply = await post();
    expect([reply.status, reply.body]).toEqual([201, undefined]);
    expect(await ruleCount()).toBe(1);
  });

  it('rewrite the body', async () => {
    await order({ kind: 'rewrite_body', find: '"active"', replace: '"asleep"' });
    expect((await post()).body.status).toBe('asleep');
  });
});

describe('the requests that a fault applies to', () => {
  it('are selected by method, path, account, company, position and number', async () => {
    await order({ kind: 'rate_limited', match: { method: 'POST', account: account.id, nth: 2 }, times: 2 });
    const statuses: number[] = [];
    for (let sent = 0; sent < 4; sent += 1) statuses.push((await post()).status);
    expect(statuses).toEqual([201, 429, 429, 201]);
    await order({ kind: 'rate_limited', match: { company: 'another' }, times: 0 });
    expect((await post()).status).toBe(201);
    expect((await session.control('GET', '/faults')).body.faults).toHaveLength(2);
    await session.control('DELETE', '/faults');
    expect((await session.control('GET', '/faults')).body.faults).toEqual([]);
  });

  it('an unknown fault is refused with a sentence', async () => {
    const reply = await session.control('POST', '/faults', { kind: 'nothing' });
    expect([reply.status, reply.body.error]).toEqual([400, expect.stringContaining('kind must be one of')]);
    expect((await session.control('POST', '/knobs', { nothing: 1 })).status).toBe(400);
    expect((await session.control('GET', '/nothing')).status).toBe(404);
  });
});

describe('the log', () => {
  it('counts requests by kind and shows no signature of a poll route', async () => {
    const { counters, requests } = (await session.control('GET', '/requests')).body;
    expect(counters).toMatchObject({
      organisation_posts: 1,
      token_fetches: 1,
      links: 1,
      link_polls: 1,
      account_posts: 1,
    });
    const polled = (requests as { path: string }[]).find(({ path }) => path.includes('linkpolls'));
    expect(polled?.path).toContain('signature=redacted');
    const last = (requests as Record<string, unknown>[]).at(-1);
    expect(last).toMatchObject({
      method: 'POST',
      status: 201,
      application_id: application,
      company_id: company.companyId,
    });
  });

  it('distinguishes a body that is not JSON, or has another content type, from a valid one', async () => {
    const path = `${account.path}/rules`;
    const { token } = company;
    expect((await session.call('POST', path, { token, rawBody: '{' })).status).toBe(400);
    const plain = { token, rawBody: '{}', headers: { 'content-type': 'text/plain' } };
    expect((await session.call('POST', path, plain)).status).toBe(400);
    expect(await session.violations()).toEqual(['invalid_request', 'invalid_request']);
    await session.control('DELETE', '/violations');
    expect(await session.violations()).toEqual([]);
  });

  it('adds undocumented fields when the knob is set', async () => {
    await session.control('POST', '/knobs', { extraFields: true });
    const reply = await makeRule(session, company, account, rule([['currency', 'eq', 'EUR']]));
    expect(reply.body).toHaveProperty('introducedLater');
  });
});
