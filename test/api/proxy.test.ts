import { afterAll, beforeAll, expect, test } from 'vitest';
import { fetchThrough, freePort, startNginx, type Nginx } from '../support/nginx.js';
import { readText } from '../unit/docs-files.js';
import {
  addConnection,
  addCustomer,
  arriveAt,
  coreToken,
  newChallenge,
  newVisitor,
  opsToken,
  signInAt,
  startPages,
  type PagesFixture,
} from './pages-fixture.js';

/* The API and its pages behind the real nginx, with the configuration of docs/operations/proxy.md. */

let pages: PagesFixture;
let nginx: Nginx;
let url: string;
/** A client on another address than the proxy's. */
const clientAddress = '127.0.0.2';
let through: typeof fetch;

beforeAll(async () => {
  const port = await freePort();
  url = `https://localhost:${String(port)}`;
  pages = await startPages({ config: { publicUrl: url }, trustedProxies: ['127.0.0.1'] });
  const [server = '', logFormat = ''] = [
    ...readText('docs/operations/proxy.md').matchAll(/```nginx\n(.*?)```/gs),
  ].map((match) => match[1] ?? '');
  // The port is part of our address here, and of none that has 443.
  const ours = server.replace('$host;', '$http_host;');
  nginx = await startNginx({ port, apiPort: pages.port, server: ours, logFormat });
  through = fetchThrough({ ca: nginx.ca, localAddress: clientAddress });
});
afterAll(async () => {
  await nginx.stop();
  await pages.stop();
});

const visitor = () => newVisitor({ url }, through);

test('a customer signs in: the cookies are set and sent back, and the form posts are accepted', async () => {
  const { username } = await addCustomer(pages);
  const customer = visitor();
  const accounts = await signInAt(customer, newChallenge().link, username);
  expect(accounts.status).toBe(200);
  expect(accounts.text).toContain('Trading account');
  expect([...customer.cookies.keys()]).toEqual(['__Host-bankfeeds']);
});

test('the headers of the pages arrive as they were sent', async () => {
  const ignored = new Set([
    'date',
    'server',
    'connection',
    'keep-alive',
    'transfer-encoding',
    'content-length',
  ]);
  const names = (headers: Headers) => [...headers.keys()].filter((name) => !ignored.has(name)).sort();
  const proxied = await arriveAt(visitor(), newChallenge().link);
  const direct = newVisitor(pages);
  const directly = await direct.get((await direct.get(newChallenge().link)).location ?? '', {
    'x-forwarded-proto': 'https',
  });
  expect(proxied.headers.get('content-security-policy')).toContain(
    "frame-ancestors 'self' https://*.sage.com",
  );
  expect(names(proxied.headers)).toEqual(expect.arrayContaining(names(directly.headers)));
  for (const name of ['x-frame-options', 'cross-origin-opener-policy'])
    expect(proxied.headers.has(name)).toBe(false);
});

test('failed sign-ins count for the client’s address, whatever the client claims', async () => {
  const { username } = await addCustomer(pages);
  const customer = visitor();
  const form = await arriveAt(customer, newChallenge().link);
  const fields = { form_token: form.formToken, username, password: 'wrong' };
  await customer.post(form.path, fields, { 'x-forwarded-for': '203.0.113.9' });
  const { rows } = await pages.pool.query<{ key: string }>(
    `SELECT key FROM login_throttle WHERE key LIKE 'source:%'`,
  );
  const keys = rows.map(({ key }) => key);
  expect(keys).toContain(`source:${clientAddress}`);
  expect(keys.join()).not.toContain('203.0.113.9');
});

test('a stream of postings is stored while it arrives', async () => {
  const { accountIds } = await addCustomer(pages);
  const accountId = accountIds[0] ?? '';
  const line = (index: number) =>
    `${JSON.stringify({
      transaction_id: `t-${String(index)}`,
      posted_at: '2026-02-03T09:14:07Z',
      amount: '-1.00',
      description: 'Card payment',
      transaction_type: 'debit',
    })}\n`;
  const lines = Array.from({ length: 2_500 }, (_, index) => line(index));
  let feed: ReadableStreamDefaultController<Uint8Array> | undefined;
  const body = new ReadableStream<Uint8Array>({ start: (controller) => void (feed = controller) });
  const answering = through(`${url}/v1/accounts/${accountId}/transactions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${coreToken}`, 'content-type': 'application/x-ndjson' },
    body,
  });
  const count = async () =>
    (await pages.pool.query('SELECT 1 FROM postings WHERE account_id = $1', [accountId])).rowCount;
  feed?.enqueue(Buffer.from(lines.slice(0, 1_100).join('')));
  await expect.poll(count, { timeout: 20_000 }).toBe(1_000);
  feed?.enqueue(Buffer.from(lines.slice(1_100).join('')));
  feed?.close();
  const answer = await answering;
  expect([answer.status, await answer.json()]).toMatchObject([200, { accepted: 2_500 }]);
});

test('a call that waits for a result is answered after its own time, not the proxy’s', async () => {
  const { customerId, accountIds } = await addCustomer(pages);
  const { feedId } = await addConnection(pages, { customerId, accountId: accountIds[0] ?? '' });
  const answer = await through(`${url}/v1/feeds/${feedId ?? ''}/pause`, {
    method: 'POST',
    headers: { authorization: `Bearer ${opsToken}` },
  });
  expect(answer.status).toBe(202);
});

test('limits are answered by the API, as problems, not by the proxy', async () => {
  const { accountIds } = await addCustomer(pages);
  const answer = await through(`${url}/v1/accounts/${accountIds[0] ?? ''}/transactions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${coreToken}`, 'content-type': 'application/json' },
    body: JSON.stringify({ transactions: [{ transaction_id: 'x'.repeat(40 * 1024 * 1024) }] }),
  });
  expect(answer.status).toBe(413);
  expect(answer.headers.get('content-type')).toBe('application/problem+json');
});

test('neither readiness nor metrics are reachable from outside, and the access log has no challenge', async () => {
  for (const path of ['/healthz', '/readyz', '/metrics'])
    expect((await through(url + path)).status).toBe(404);
  const { link, challenge } = newChallenge();
  await visitor().get(link);
  await expect.poll(() => nginx.accessLog()).toContain('"GET /login" 303');
  expect(await nginx.accessLog()).not.toContain(challenge);
});
