import { expect } from 'vitest';
import { fixturePassword, type SageFixture } from '../../support/sage-banking/fixture.js';
import { until } from '../../support/until.js';
import { newVisitor, type PageAnswer, type Visitor } from '../pages-fixture.js';

/** A customer of the fixture at the pages, signed in. */
export interface SageCustomer {
  readonly customerId: string;
  readonly username: string;
  readonly visitor: Visitor;
}

/** What a page waits for may take as long as this on a busy machine. */
const completedWithinMs = 20_000;

export async function signInTo(
  fixture: Pick<SageFixture, 'url' | 'makeCustomer'>,
  known?: { customerId: string; username: string },
): Promise<SageCustomer> {
  const customer = known ?? (await fixture.makeCustomer());
  const visitor = newVisitor(fixture);
  const form = await visitor.get('/status/sign-in');
  const fields = { form_token: form.formToken, username: customer.username, password: fixturePassword };
  const answer = await visitor.post('/status/sign-in', fields);
  expect(answer.location).toBe('/status');
  return { ...customer, visitor };
}

/** The value of a hidden field of the page's first form that has it. */
export function hiddenValue(page: PageAnswer, name: string): string {
  const value = new RegExp(`name="${name}"\\s+value="([^"]*)"`).exec(page.text)?.[1];
  if (value === undefined) throw new Error(`no hidden field ${name} in: ${page.text}`);
  return value;
}

/** Sends a form of the page as a browser would: with its token and order id, and what was typed. */
export async function send(
  visitor: Visitor,
  page: PageAnswer,
  path: string,
  fields: Record<string, string | string[]> = {},
): Promise<PageAnswer> {
  const order_id = hiddenValue(page, 'order_id');
  return await visitor.post(path, { form_token: page.formToken, order_id, ...fields });
}

/** Loads the page as its own `meta refresh` does, until it waits no more; redirects are followed. */
export async function completed(visitor: Visitor, path: string): Promise<PageAnswer & { path: string }> {
  let next = path;
  return await until(
    async () => {
      const page = await visitor.get(next);
      if (page.location !== null) {
        next = page.location;
        return null;
      }
      const reload = /http-equiv="refresh" content="\d+;url=([^"]+)"/.exec(page.text)?.[1];
      if (reload === undefined) return { ...page, path: next };
      next = reload.replaceAll('&amp;', '&');
      return null;
    },
    { timeoutMs: completedWithinMs, describe: `${path} waits no more` },
  );
}

/** The text of a page, without markup and with single blanks. */
export function textOf(page: { text: string }): string {
  const body = page.text.slice(page.text.indexOf('<main'));
  const plain = body.replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ');
  return plain
    .replaceAll('&#39;', "'")
    .replaceAll('&quot;', '"')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&');
}
