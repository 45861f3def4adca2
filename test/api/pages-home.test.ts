import { afterAll, beforeAll, expect, test } from 'vitest';
import { newVisitor, startPages, type PagesFixture } from './pages-fixture.js';

let pages: PagesFixture;
beforeAll(async () => {
  pages = await startPages();
});
afterAll(async () => {
  await pages.stop();
});

test('the root links to the pages of customers, the reference and the readiness, without a script or a session', async () => {
  const visitor = newVisitor(pages);
  const home = await visitor.get('/');
  expect([home.status, home.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
  expect(home.text).not.toContain('<script');
  expect(home.headers.get('set-cookie')).toBeNull();
  expect(home.headers.get('Content-Security-Policy')).toContain("frame-ancestors 'none'");
  const links = [...home.text.matchAll(/<a href="([^"]+)"/g)].map(([, path]) => path!);
  expect(links).toEqual(['/status', '/docs', '/readyz']);
  const statuses = [];
  for (const path of links) statuses.push((await visitor.get(path)).status);
  // The first is the sign-in page.
  expect(statuses).toEqual([303, 200, 200]);
});

test('an unknown path is still a problem in JSON, and the root takes no other method', async () => {
  const visitor = newVisitor(pages);
  expect((await visitor.get('/nowhere')).headers.get('content-type')).toContain('application/problem+json');
  expect((await visitor.post('/', {})).status).toBe(404);
});
