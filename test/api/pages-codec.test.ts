import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createEncryptionCodec } from '../../src/temporal/codec.js';
import { newVisitor, opsToken, startPages } from './pages-fixture.js';
import type { PagesFixture, Visitor } from './pages-fixture.js';

const uiOrigin = 'http://localhost:8233';
let pages: PagesFixture;
beforeAll(async () => {
  pages = await startPages();
});
afterAll(async () => {
  await pages.stop();
});

async function operator(): Promise<Visitor> {
  const visitor = newVisitor(pages);
  const form = await visitor.get('/codec/sign-in');
  const answer = await visitor.post('/codec/sign-in', { form_token: form.formToken, token: opsToken });
  expect(answer.location).toBe('/codec/sign-in');
  return visitor;
}

const base64 = (text: string) => Buffer.from(text).toString('base64');
/** A payload as the Temporal UI has it: encrypted, in the JSON form of protobuf. */
async function encryptedJson(text: string) {
  const clear = { metadata: { encoding: Buffer.from('json/plain') }, data: Buffer.from(text) };
  const [payload] = await createEncryptionCodec(pages.keyring).encode([clear]);
  const encode = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
  const names = Object.entries(payload!.metadata!).map(([name, value]) => [name, encode(value)] as const);
  return { metadata: Object.fromEntries(names), data: encode(payload!.data!) };
}

async function decode(
  visitor: Visitor,
  body: string,
  headers: Record<string, string> = { origin: uiOrigin },
) {
  const cookie = [...visitor.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  return await fetch(new URL('/codec/decode', pages.url), {
    method: 'POST',
    body,
    headers: { cookie, 'content-type': 'application/json', 'x-namespace': 'default', ...headers },
  });
}

describe('POST /codec/decode', () => {
  test('shows payloads to the Temporal UI of an operator who signed in', async () => {
    const visitor = await operator();
    const body = JSON.stringify({ payloads: [await encryptedJson('{"a":1}')] });
    expect(body).not.toContain(base64('{"a":1}'));
    const answer = await decode(visitor, body);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('access-control-allow-origin')).toBe(uiOrigin);
    expect(answer.headers.get('access-control-allow-credentials')).toBe('true');
    expect(await answer.json()).toEqual({
      payloads: [{ metadata: { encoding: base64('json/plain') }, data: base64('{"a":1}') }],
    });
  });

  test('answers nobody else: no session, a customer’s cookie, another origin', async () => {
    const body = JSON.stringify({ payloads: [await encryptedJson('"secret"')] });
    const stranger = await decode(newVisitor(pages), body);
    expect(stranger.status).toBe(401);
    const visitor = await operator();
    const foreign = await decode(visitor, body, { origin: 'http://localhost:9999' });
    expect(foreign.status).toBe(403);
    expect(foreign.headers.get('access-control-allow-origin')).toBeNull();
    const customer = newVisitor(pages);
    await customer.get('/status/sign-in');
    const borrowed = newVisitor(pages);
    borrowed.cookies.set('__Host-bankfeeds-ops', customer.cookies.get('__Host-bankfeeds')!);
    expect((await decode(borrowed, body)).status).toBe(401);
  });

  test('a body that is no list of payloads is 400, one beyond the cap 413', async () => {
    const visitor = await operator();
    expect((await decode(visitor, 'nothing')).status).toBe(400);
    expect((await decode(visitor, '{"payloads": 7}')).status).toBe(400);
    expect((await decode(visitor, `{"payloads": "${'x'.repeat(5_000_000)}"}`)).status).toBe(413);
  });

  test('the preflight allows the Temporal UI what it needs, and no other origin anything', async () => {
    const preflight = (origin: string) =>
      fetch(new URL('/codec/decode', pages.url), {
        method: 'OPTIONS',
        headers: {
          origin,
          'access-control-request-method': 'POST',
          'access-control-request-headers': 'content-type,x-namespace',
        },
      });
    const allowed = await preflight(uiOrigin);
    expect(allowed.status).toBe(204);
    expect(allowed.headers.get('access-control-allow-origin')).toBe(uiOrigin);
    expect(allowed.headers.get('access-control-allow-headers')).toBe('content-type,x-namespace');
    const foreign = await preflight('https://evil.example');
    expect(foreign.headers.get('access-control-allow-origin')).toBeNull();
    expect(foreign.headers.get('access-control-allow-credentials')).toBeNull();
  });
});

test('a wrong token signs nobody in; signing out ends it', async () => {
  const visitor = newVisitor(pages);
  const form = await visitor.get('/codec/sign-in');
  const wrong = await visitor.post('/codec/sign-in', { form_token: form.formToken, token: `${opsToken}x` });
  expect(wrong.status).toBe(401);
  expect(wrong.text).toContain('That is not the operators’ token.');
  expect((await decode(visitor, '{"payloads":[]}')).status).toBe(401);
  const right = await operator();
  const page = await right.get('/codec/sign-in');
  expect(page.text).toContain(`${pages.url}/codec`);
  expect((await decode(right, '{"payloads":[]}')).status).toBe(200);
  await right.post('/codec/sign-out', { form_token: page.formToken });
  expect((await decode(right, '{"payloads":[]}')).status).toBe(401);
});

test('the operators’ token is in no page, log line or session', async () => {
  const visitor = await operator();
  const { text } = await visitor.get('/codec/sign-in');
  const sessions = await pages.pool.query<{ sess: string }>(`SELECT sess::text FROM sessions`);
  const everything = [text, ...pages.logLines, ...sessions.rows.map(({ sess }) => sess)].join('\n');
  expect(sessions.rows.length).toBeGreaterThan(0);
  expect(everything.includes(opsToken)).toBe(false);
});
