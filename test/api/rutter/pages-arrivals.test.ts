import { afterAll, beforeAll, expect, test } from 'vitest';
import { deleteOldHandoffs } from '../../../src/db/rutter/handoffs.js';
import { addCustomer, arriveAt, newChallenge, newVisitor, startPages } from '../pages-fixture.js';
import type { PagesFixture } from '../pages-fixture.js';

let pages: PagesFixture;
beforeAll(async () => {
  pages = await startPages();
});
afterAll(async () => {
  await pages.stop();
});

test('links that were opened and never used are deleted after a day, a customer’s handoffs after thirty', async () => {
  const { customerId } = await addCustomer(pages);
  const opened = newChallenge();
  const used = newChallenge();
  const young = newChallenge();
  for (const { link } of [opened, used, young]) await arriveAt(newVisitor(pages), link);
  const age = `UPDATE handoffs SET deadline_at = now() - $2::interval, customer_id = $3 WHERE handoff_id = $1`;
  await pages.pool.query(age, [opened.handoffId, '25 hours', null]);
  await pages.pool.query(age, [used.handoffId, '29 days', customerId]);
  expect(await deleteOldHandoffs(pages.pool)).toBe(1);
  await pages.pool.query(age, [used.handoffId, '31 days', customerId]);
  expect(await deleteOldHandoffs(pages.pool)).toBe(1);
  const { rows } = await pages.pool.query(`SELECT handoff_id FROM handoffs`);
  expect(rows).toEqual([{ handoff_id: young.handoffId }]);
});

test('a script that opens links without end is refused before it fills the disk', async () => {
  const statuses = new Set<number>();
  for (let wave = 0; wave < 20 && !statuses.has(429); wave += 1) {
    const answers = Array.from({ length: 100 }, () =>
      fetch(`${pages.url}${pathOf(newChallenge().link)}`, { redirect: 'manual' }),
    );
    for (const answer of await Promise.all(answers)) statuses.add(answer.status);
  }
  expect([...statuses].sort()).toEqual([303, 429]);
});

function pathOf(link: string): string {
  return link.startsWith('http') ? link.slice(new URL(link).origin.length) : link;
}
