import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { HasherBusy } from '../../src/crypto/password.js';
import type { PasswordHasher } from '../../src/crypto/password.js';
import { addCustomer, arriveAt, newChallenge, newVisitor, password, startPages } from './pages-fixture.js';
import type { PagesFixture, Visitor } from './pages-fixture.js';

/** Says "fits" for the right password at once, and counts how often it was asked. */
function countingHasher(): PasswordHasher & { asked: number; busy: boolean } {
  const hasher = {
    asked: 0,
    busy: false,
    hash: async () => 'unused',
    verify: async (input: { password: string; passwordHash: string | null }) => {
      if (hasher.busy) throw new HasherBusy();
      hasher.asked += 1;
      return input.passwordHash !== null && input.password === password;
    },
  };
  return hasher;
}

let pages: PagesFixture;
const hasher = countingHasher();
beforeAll(async () => {
  pages = await startPages({ hasher, trustedProxies: ['127.0.0.1'] });
});
afterAll(async () => {
  await pages.stop();
});

/** From an address of its own, so that tests do not share the count of a source. */
async function openForm(source: string) {
  const visitor = newVisitor(pages);
  const form = await arriveAt(visitor, newChallenge().link);
  return {
    visitor,
    attempt: (username: string, secret: string, headers: Record<string, string> = {}) =>
      visitor.post(
        form.path,
        { form_token: form.formToken, username, password: secret },
        { 'x-forwarded-for': source, ...headers },
      ),
  };
}

describe('guessing is slowed', () => {
  test('after five failures the right password waits too, without being hashed', async () => {
    const { username } = await addCustomer(pages);
    const { attempt } = await openForm('192.0.2.1');
    for (let tries = 0; tries < 5; tries += 1) expect((await attempt(username, 'wrong')).status).toBe(401);
    const before = hasher.asked;
    const sixth = await attempt(username, password);
    expect(sixth.status).toBe(429);
    expect(Number(sixth.headers.get('retry-after'))).toBeGreaterThan(20);
    expect(sixth.text).toContain('Too many attempts');
    expect(hasher.asked).toBe(before);
    // Once the wait is over one try is free; it is right, and clears the count.
    await pages.pool.query(`UPDATE login_throttle SET expire = 1 WHERE key LIKE 'user-wait%'`);
    expect((await attempt(username, password)).status).toBe(303);
    const left = await pages.pool.query(
      `SELECT 1 FROM login_throttle WHERE key LIKE 'user-%' AND points > 0`,
    );
    expect(left.rowCount).toBe(0);
  });

  test('each further failure makes the wait longer', async () => {
    const { username } = await addCustomer(pages);
    const { attempt } = await openForm('192.0.2.2');
    for (let tries = 0; tries < 5; tries += 1) await attempt(username, 'wrong');
    const waits: number[] = [];
    for (let tries = 0; tries < 3; tries += 1) {
      waits.push(Number((await attempt(username, 'wrong')).headers.get('retry-after')));
      await pages.pool.query(`UPDATE login_throttle SET expire = 1 WHERE key LIKE 'user-wait%'`);
      expect((await attempt(username, 'wrong')).status).toBe(401);
    }
    expect(waits[1]).toBeGreaterThanOrEqual(waits[0]!);
    expect(waits[2]).toBeGreaterThan(waits[1]!);
  });

  test('of 200 guesses at one moment at most six are checked', async () => {
    const { username } = await addCustomer(pages);
    const before = hasher.asked;
    const forms = await Promise.all(
      Array.from({ length: 10 }, (_, index) => openForm(`192.0.2.${String(10 + index)}`)),
    );
    const guesses = forms.flatMap(({ attempt }) =>
      Array.from({ length: 20 }, (_, index) => attempt(username, `guess-${String(index)}`)),
    );
    const statuses = (await Promise.all(guesses)).map(({ status }) => status);
    expect(new Set(statuses)).toEqual(new Set([401, 429]));
    expect(hasher.asked - before).toBeGreaterThanOrEqual(5);
    expect(hasher.asked - before).toBeLessThanOrEqual(6);
  });

  test('one source that tries one password on many usernames is stopped', async () => {
    const { attempt } = await openForm('2001:db8:1:2::1');
    const statuses: number[] = [];
    for (let tries = 0; tries < 60; tries += 1) {
      // Another address of the same /64 each time.
      const source = { 'x-forwarded-for': `2001:db8:1:2::${(tries + 16).toString(16)}` };
      statuses.push((await attempt(`nobody-${String(tries)}`, 'Password1!', source)).status);
    }
    expect(statuses.filter((status) => status === 401)).toHaveLength(50);
    expect(statuses.slice(-10)).toEqual(Array.from({ length: 10 }, () => 429));
  });

  test('a forwarded address from no trusted proxy evades no limit', async () => {
    const plain = await startPages({ hasher });
    try {
      const { username } = await addCustomer(plain);
      const visitor = newVisitor(plain);
      const form = await arriveAt(visitor, newChallenge().link);
      for (let tries = 0; tries < 3; tries += 1) {
        await visitor.post(
          form.path,
          { form_token: form.formToken, username, password: 'wrong' },
          { 'x-forwarded-for': `198.51.100.${String(tries)}` },
        );
      }
      const sources = await plain.pool.query<{ key: string; points: number }>(
        `SELECT key, points FROM login_throttle WHERE key LIKE 'source:%'`,
      );
      expect(sources.rows).toEqual([{ key: 'source:127.0.0.1', points: 3 }]);
    } finally {
      await plain.stop();
    }
  });

  test('when too many passwords are being checked the page asks to try again, and the attempt does not count', async () => {
    const { username } = await addCustomer(pages);
    const { attempt } = await openForm('192.0.2.40');
    hasher.busy = true;
    for (let tries = 0; tries < 7; tries += 1) {
      const answer = await attempt(username, 'wrong');
      expect(answer.status).toBe(429);
      expect(answer.text).toContain('Many people are signing in');
    }
    hasher.busy = false;
    expect((await attempt(username, password)).status).toBe(303);
  });
});

test('an unknown username and a wrong password are answered alike', async () => {
  const { username } = await addCustomer(pages);
  const known = await openForm('192.0.2.50');
  const unknown = await openForm('192.0.2.51');
  const anonymous = (text: string) =>
    text.replaceAll(/value="[^"]*"/g, '').replaceAll(/\/login\/[0-9a-f]{64}/g, '');
  for (let tries = 0; tries < 7; tries += 1) {
    const one = await known.attempt(username, 'wrong');
    const two = await unknown.attempt('nobody-here', 'wrong');
    expect(one.status).toBe(two.status);
    expect(anonymous(one.text)).toBe(anonymous(two.text));
  }
});

test('an empty or too long entry is refused without a count', async () => {
  const before = await pages.pool.query(`SELECT * FROM login_throttle ORDER BY key`);
  const { attempt } = await openForm('192.0.2.60');
  expect((await attempt('', password)).status).toBe(400);
  expect((await attempt('somebody', '')).status).toBe(400);
  expect((await attempt('x'.repeat(300), password)).status).toBe(401);
  const after = await pages.pool.query(`SELECT * FROM login_throttle ORDER BY key`);
  expect(after.rows).toEqual(before.rows);
});

describe('forged forms', () => {
  const foreign = { origin: 'https://evil.example' };
  async function refusals(visitor: Visitor, path: string, token: string, fields: Record<string, string>) {
    return [
      await visitor.post(path, fields),
      await visitor.post(path, { ...fields, form_token: 'x' }),
      await visitor.post(path, { ...fields, form_token: token }, foreign),
      await visitor.post(path, { ...fields, form_token: token }, { origin: 'null' }),
      await visitor.post(path, { ...fields, form_token: token }, { 'sec-fetch-site': 'cross-site' }),
      await visitor.post(path, { ...fields, form_token: token }, { 'sec-fetch-site': 'same-site' }),
    ].map(({ status }) => status);
  }

  test('every form refuses a missing or strange token and a strange origin', async () => {
    const { username } = await addCustomer(pages);
    const { visitor, attempt } = await openForm('192.0.2.70');
    const forbidden = Array.from({ length: 6 }, () => 403);
    const signInPath = (await visitor.get(newChallenge().link)).location!;
    const signIn = await visitor.get(signInPath);
    expect(await refusals(visitor, signInPath, signIn.formToken, { username, password })).toEqual(forbidden);

    const accountsPath = (await attempt(username, password)).location!;
    const accounts = await visitor.get(accountsPath);
    expect(await refusals(visitor, accountsPath, accounts.formToken, { account: 'x' })).toEqual(forbidden);

    const status = await visitor.get('/status/sign-in');
    const fields = { username, password };
    expect(await refusals(visitor, '/status/sign-in', status.formToken, fields)).toEqual(forbidden);
    const in_ = await visitor.post(
      '/status/sign-in',
      { form_token: status.formToken, ...fields },
      { origin: pages.url, 'x-forwarded-for': '192.0.2.70' },
    );
    expect(in_.status).toBe(303);
    const feeds = await visitor.get('/status');
    for (const path of ['/status/sign-out', '/status/connect', '/status/feeds/x/stop']) {
      expect(await refusals(visitor, path, feeds.formToken, {})).toEqual(forbidden);
    }
    const codec = await visitor.get('/codec/sign-in');
    expect(await refusals(visitor, '/codec/sign-in', codec.formToken, { token: 'x' })).toEqual(forbidden);
    expect(pages.facade.calls.map(({ name }) => name)).not.toContain('runCommand');
  });

  test('a repeated field is refused', async () => {
    const visitor = newVisitor(pages);
    const form = await arriveAt(visitor, newChallenge().link);
    const username = ['one', 'two'];
    expect((await visitor.post(form.path, { form_token: form.formToken, username, password })).status).toBe(
      400,
    );
  });

  test('the token of one browser is refused in another', async () => {
    const { link } = newChallenge();
    const [one, two] = [newVisitor(pages), newVisitor(pages)];
    const formOne = await arriveAt(one, link);
    await arriveAt(two, link);
    const fields = { form_token: formOne.formToken, username: 'x', password: 'y' };
    expect((await two.post(formOne.path, fields)).status).toBe(403);
  });
});

describe('cookies', () => {
  test('a session id chosen by somebody else is not accepted', async () => {
    const visitor = newVisitor(pages);
    visitor.cookies.set('__Host-bankfeeds', 's%3Aplanted.signature');
    const form = await arriveAt(visitor, newChallenge().link);
    expect(form.status).toBe(200);
    expect(visitor.cookies.get('__Host-bankfeeds')).not.toContain('planted');
  });

  test('a hundred other cookies and one of 8 KB do no harm', async () => {
    const visitor = newVisitor(pages);
    for (let index = 0; index < 100; index += 1) visitor.cookies.set(`c${String(index)}`, 'x');
    visitor.cookies.set('long', 'x'.repeat(8_000));
    expect((await arriveAt(visitor, newChallenge().link)).status).toBe(200);
  });

  test('an idle half hour and twelve hours end a customer’s session', async () => {
    const { username } = await addCustomer(pages);
    const visitor = newVisitor(pages);
    const form = await visitor.get('/status/sign-in');
    await visitor.post(
      '/status/sign-in',
      { form_token: form.formToken, username, password },
      { 'x-forwarded-for': '192.0.2.80' },
    );
    expect((await visitor.get('/status')).status).toBe(200);
    const expiry = await pages.pool.query<{ seconds: string }>(
      `SELECT extract(epoch FROM expire - now()) AS seconds FROM sessions WHERE sess -> 'customer' IS NOT NULL`,
    );
    for (const { seconds } of expiry.rows) expect(Number(seconds)).toBeLessThanOrEqual(1_801);
    await pages.pool.query(
      `UPDATE sessions SET sess = jsonb_set(sess::jsonb, '{customer,sinceMs}',
         to_jsonb((sess #>> '{customer,sinceMs}')::bigint - 12 * 3600000))::json
        WHERE sess -> 'customer' IS NOT NULL`,
    );
    expect((await visitor.get('/status')).location).toBe('/status/sign-in');
  });
});
