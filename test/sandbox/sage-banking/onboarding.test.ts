import { afterEach, describe, expect, it } from 'vitest';
import type { Environment } from '../../../sandbox/sage-banking/assumptions.js';
import { companyFields, consumer, DESKTOP, startSession, type OwnSession, type Reply } from './session.js';

let session: OwnSession;
afterEach(() => session.close());

const SERIAL = 'LIC-20031';

async function start(environment: Environment = 'qa'): Promise<void> {
  session = await startSession({}, { environment });
  await session.control('POST', '/licences', { serial: SERIAL });
}

function licence(serial: string) {
  return { licenceDetails: [{ key: 'serial', value: serial }] };
}

function register(serial = SERIAL, headers: Record<string, string> = {}): Promise<Reply> {
  return session.call('POST', '/api/v1/requestToken', {
    body: licence(serial),
    headers: { 'x-application': DESKTOP, 'x-provider': 'ledger.desk', ...headers },
  });
}

/** A captcha as a person reads it. */
async function solve(): Promise<{ captchaId: string; captchaText: string }> {
  const { body } = await session.call('GET', `${consumer}/captcha`, {
    headers: { 'x-application': DESKTOP },
  });
  const { body: shown } = await session.control('GET', `/captchas/${body.captchaId}`);
  return { captchaId: body.captchaId, captchaText: shown.text };
}

function create(more: Record<string, unknown>, headers: Record<string, string> = {}): Promise<Reply> {
  return session.call('POST', `${consumer}/organisations`, {
    body: { ...companyFields, ...licence(SERIAL), ...more },
    headers: { 'x-application': DESKTOP, ...headers },
  });
}

async function organisationCount(): Promise<number> {
  return (await session.control('GET', '/organisations')).body.organisations.length;
}

describe('a desktop onboarding (contract 3.2)', () => {
  it('ends with an organisation and its company', async () => {
    await start();
    expect((await register()).status).toBe(200);
    const reply = await create(await solve());
    expect(reply.status).toBe(200);
    expect(reply.body.companies).toHaveLength(1);
    expect(await organisationCount()).toBe(1);
    expect(await session.violations()).toEqual([]);
  });

  it('is 404 without the first step, of another licence or after fifteen minutes, and creates nothing', async () => {
    await start();
    expect((await create(await solve())).status).toBe(404);
    await register('another licence');
    expect((await create(await solve())).status).toBe(404);
    await register();
    await session.advance(15 * 60_000);
    const reply = await create(await solve());
    expect([reply.status, reply.body.error.code]).toEqual([404, 'notFound']);
    expect(await organisationCount()).toBe(0);
  });

  it('is 400 captchaInvalid with a wrong, spent, foreign or old captcha', async () => {
    await start();
    await register();
    const { captchaId, captchaText } = await solve();
    const codeOf = async (captcha: object) => {
      const { status, body } = await create(captcha as Record<string, unknown>);
      return [status, body.error.code];
    };
    const refused = [400, 'captchaInvalid'];
    expect(await codeOf({})).toEqual(refused);
    expect(await codeOf({ captchaId: 'unknown', captchaText })).toEqual(refused);
    expect(await codeOf({ captchaId, captchaText: 'wrong' })).toEqual(refused);
    expect(await codeOf({ captchaId, captchaText })).toEqual(refused);
    const old = await solve();
    await session.advance(15 * 60_000);
    await register();
    expect(await codeOf(old)).toEqual(refused);
    expect((await create(await solve())).status).toBe(200);
  });

  it('accepts the letters in any case', async () => {
    await start();
    await register();
    const { captchaId, captchaText } = await solve();
    expect((await create({ captchaId, captchaText: ` ${captchaText.toLowerCase()} ` })).status).toBe(200);
  });

  it('is 400 invalidCustomer for an unknown licence, after the captcha', async () => {
    await start();
    await register('LIC-UNKNOWN');
    const wrongCaptcha = await create(licence('LIC-UNKNOWN'));
    expect(wrongCaptcha.body.error.code).toBe('captchaInvalid');
    const reply = await create({ ...(await solve()), ...licence('LIC-UNKNOWN') });
    expect([reply.status, reply.body.error.code]).toEqual([400, 'invalidCustomer']);
    expect(await organisationCount()).toBe(0);
    expect(await session.violations()).toEqual([]);
  });

  it.each([
    { environment: 'production' as const, limit: 1 },
    { environment: 'preProduction' as const, limit: 15 },
  ])('is 409 beyond $limit organisations of a customer in $environment', async ({ environment, limit }) => {
    await start(environment);
    await register();
    for (let made = 0; made < limit; made += 1) expect((await create(await solve())).status).toBe(200);
    const reply = await create(await solve());
    expect([reply.status, reply.body.error.code]).toEqual([409, 'organisationLimitExceeded']);
    expect(await organisationCount()).toBe(limit);
    await session.control('POST', '/licences', { serial: 'LIC-2' });
    await register('LIC-2');
    expect((await create({ ...(await solve()), ...licence('LIC-2') })).status).toBe(200);
  });

  it('has no limit in QA', async () => {
    await start('qa');
    await register();
    for (let made = 0; made < 17; made += 1) expect((await create(await solve())).status).toBe(200);
    expect(await organisationCount()).toBe(17);
  });

  it('can use the interim product, but not in production', async () => {
    await start('preProduction');
    const interim = { 'x-application': 'sage.integrate.myproduct', 'x-provider': 'integrate.my.provider' };
    expect((await register('ACTIVE', interim)).status).toBe(200);
    expect((await create({ ...(await solve()), ...licence('ACTIVE') }, interim)).status).toBe(200);
    await session.control('POST', '/environment', { environment: 'production' });
    expect((await register('ACTIVE', interim)).status).toBe(401);
  });

  it('wants the product’s own provider and a name for the company', async () => {
    await start();
    expect((await register(SERIAL, { 'x-provider': 'somebody.else' })).status).toBe(401);
    await register();
    const reply = await create({ ...(await solve()), company: {} });
    expect([reply.status, reply.body.error.details]).toEqual([
      400,
      [{ field: 'company.name', reason: 'is required' }],
    ]);
    expect(await session.violations()).toEqual(['unknown_provider', 'invalid_request']);
  });

  it('shows the captcha as a captcha', async () => {
    await start();
    const { body } = await session.call('GET', `${consumer}/captcha`, {
      headers: { 'x-application': DESKTOP },
    });
    expect(body.image).toMatch(/^data:image\/svg\+xml;base64,/);
  });
});
