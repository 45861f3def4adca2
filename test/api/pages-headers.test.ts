import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { addCustomer, makeReady, newChallenge, newVisitor, password, startPages } from './pages-fixture.js';
import type { PageAnswer, PagesFixture } from './pages-fixture.js';

let pages: PagesFixture;
beforeAll(async () => {
  pages = await startPages({ hasher: { hash: async () => '', verify: async () => true } });
});
afterAll(async () => {
  await pages.stop();
});

/** One answer of every kind that the login origin gives, by name. */
async function everyLoginAnswer(fixture: PagesFixture): Promise<Record<string, PageAnswer>> {
  const { username, accountIds } = await addCustomer(fixture);
  const { handoffId, link } = newChallenge();
  const visitor = newVisitor(fixture);
  const arrival = await visitor.get(link);
  const path = arrival.location!;
  const form = await visitor.get(path);
  const fields = { form_token: form.formToken, username, password };
  const accountsPath = `${path}/accounts`;
  const answers: Record<string, PageAnswer> = {
    'the redirect at arrival': arrival,
    'the form': form,
    'a refused link': await visitor.get('/login'),
    'no such page': await visitor.get('/login/x/y/z'),
    'an address that cannot be decoded': await visitor.get('/login/%E0%A4%A'),
    'another method': await visitor.post(`${path}/finish`, {}),
    'another browser': await newVisitor(fixture).get(path),
    'an empty entry': await visitor.post(path, { form_token: form.formToken }),
    'a forged form': await visitor.post(path, fields, { origin: 'https://evil.example' }),
    'a form that is too large': await visitor.post(path, { ...fields, x: 'x'.repeat(2_600_000) }),
    'the redirect at sign-in': await visitor.post(path, fields),
  };
  const accounts = await visitor.get(accountsPath);
  answers['the accounts'] = accounts;
  fixture.facade.onAccountsShared = async (id) => {
    await makeReady(fixture, { handoffId: id, otp: 'otp' });
    return true;
  };
  const shared = { form_token: accounts.formToken, account: accountIds };
  answers['nothing ticked'] = await visitor.post(accountsPath, { form_token: accounts.formToken });
  answers['the redirect to Rutter'] = await visitor.post(accountsPath, shared);
  answers['after the redirect'] = await visitor.get(`/login/${handoffId}/finish`);
  const again = await visitor.get((await visitor.get(newChallenge().link)).location!);
  const source = `'source:127.0.0.1'`;
  await fixture.pool.query(
    `INSERT INTO login_throttle VALUES (${source}, 60, 9e15)
     ON CONFLICT (key) DO UPDATE SET points = 60, expire = 9e15`,
  );
  const throttledPath = again.text.match(/action="([^"]+)"/)![1]!;
  answers['too many attempts'] = await visitor.post(throttledPath, {
    ...fields,
    form_token: again.formToken,
  });
  await fixture.pool.query(`DELETE FROM login_throttle WHERE key = ${source}`);
  await fixture.pool.query(`ALTER TABLE handoffs RENAME TO handoffs_gone`);
  answers['a fault of ours'] = await visitor.get(newChallenge().link);
  await fixture.pool.query(`ALTER TABLE handoffs_gone RENAME TO handoffs`);
  return answers;
}

describe('every answer of the login', () => {
  test('keeps Sage’s pop-up and frame alive, is stored nowhere and limits where forms may go', async () => {
    const answers = await everyLoginAnswer(pages);
    const statuses = Object.values(answers).map(({ status }) => status);
    expect([...new Set(statuses)].sort()).toEqual([200, 303, 400, 403, 404, 410, 413, 429, 500]);
    for (const [name, { headers }] of Object.entries(answers)) {
      const seen = (header: string) => `${name}: ${headers.get(header) ?? 'absent'}`;
      expect(seen('cross-origin-opener-policy')).toBe(`${name}: absent`);
      expect(seen('x-frame-options')).toBe(`${name}: absent`);
      expect(seen('referrer-policy')).toBe(`${name}: same-origin`);
      expect(seen('cache-control')).toBe(`${name}: no-store`);
      expect(seen('x-content-type-options')).toBe(`${name}: nosniff`);
      expect(seen('content-security-policy')).toBe(
        `${name}: default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; ` +
          `form-action 'self' https: http:; frame-ancestors 'self' https://*.sage.com`,
      );
    }
  });

  test('redirects are 303 and carry no text', async () => {
    const answers = Object.values(await everyLoginAnswer(pages)).filter(({ location }) => location !== null);
    expect(answers).toHaveLength(3);
    for (const answer of answers) expect([answer.status, answer.text]).toEqual([303, '']);
  });
});

test('the session cookie is host-only, secure, hidden from scripts, and made for a frame', async () => {
  const arrival = await newVisitor(pages).get(newChallenge().link);
  const [cookie, ...others] = arrival.headers.getSetCookie();
  expect(others).toEqual([]);
  const [pair, ...attributes] = cookie!.split('; ');
  expect(pair).toMatch(/^__Host-bankfeeds=/);
  expect(attributes.sort()).toEqual(['HttpOnly', 'Partitioned', 'Path=/', 'SameSite=None', 'Secure']);
  expect(cookie!.length).toBeLessThan(4_096);
});

test('the operators’ cookie never leaves the site', async () => {
  const [cookie] = (await newVisitor(pages).get('/codec/sign-in')).headers.getSetCookie();
  const [pair, ...attributes] = cookie!.split('; ');
  expect(pair).toMatch(/^__Host-bankfeeds-ops=/);
  expect(attributes.sort()).toEqual(['HttpOnly', 'Path=/', 'SameSite=Strict', 'Secure']);
});

test('pages outside the handoff may not be framed by anybody', async () => {
  const visitor = newVisitor(pages);
  for (const path of ['/status/sign-in', '/status/nothing', '/codec/sign-in']) {
    const { headers } = await visitor.get(path);
    expect(headers.get('content-security-policy')).toContain(`frame-ancestors 'none'`);
    expect(headers.get('cross-origin-opener-policy')).toBeNull();
  }
});

test('on https forms are sent to https only, and HSTS is set', async () => {
  const secure = await startPages({ config: { publicUrl: 'https://feeds.bank.example' } });
  try {
    const { headers } = await newVisitor(secure).get('/login');
    expect(headers.get('content-security-policy')).toContain(`form-action 'self' https:;`);
    expect(headers.get('strict-transport-security')).toMatch(/^max-age=(3153600\d|[4-9]\d{7});/);
  } finally {
    await secure.stop();
  }
});

test('no address is built from the Host header', async () => {
  const arrival = await newVisitor(pages).get(newChallenge().link, { host: 'evil.example' });
  expect(arrival.location).toMatch(/^\/login\/[0-9a-f]{64}$/);
  expect(arrival.text).not.toContain('evil.example');
});

test('stylesheet and icon are kept by browsers for good, under an address that changes with them', async () => {
  const { text } = await newVisitor(pages).get('/login');
  const paths = [...text.matchAll(/(?:href|src)="(\/assets\/[^"]+)"/g)].map((match) => match[1]!);
  expect(new Set(paths).size).toBe(2);
  for (const path of paths) {
    const asset = await newVisitor(pages).get(path);
    expect(asset.status).toBe(200);
    expect(asset.headers.get('cache-control')).toContain('immutable');
    expect(path).toMatch(/\.[0-9a-f]{12}\.(css|svg)$/);
  }
});
