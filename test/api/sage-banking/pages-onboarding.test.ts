import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sageOnboardingRefusals } from '../../../src/domain/sage-banking/onboarding.js';
import { makeSageCompany } from '../../support/sage-banking/account.js';
import { createSageFixture, type SageFixture } from '../../support/sage-banking/fixture.js';
import { until } from '../../support/until.js';
import type { PageAnswer, Visitor } from '../pages-fixture.js';
import { hiddenValue, send, completed, signInTo, textOf } from './pages-fixture.js';

const begin = '/status/sage/begin';

let fixture: SageFixture;
beforeAll(async () => {
  fixture = await createSageFixture();
});
afterAll(async () => {
  await fixture.close();
});

/** A customer whose bank has begun the onboarding, at its page. */
async function begun(kind: 'cloud' | 'desktop', serial?: string) {
  const customer = await signInTo(fixture);
  const licence = serial ?? `licence-${randomUUID()}`;
  if (serial === undefined) await fixture.control('POST', '/licences', { serial: licence });
  const answer = await fixture.api('POST', '/v1/sage/organisations', {
    json: {
      customer_id: customer.customerId,
      kind,
      company: { name: 'Northgate Trading' },
      terms_accepted_at: '2026-01-05T10:00:00Z',
      ...(kind === 'desktop' ? { licence_details: [{ key: 'serial', value: licence }] } : {}),
    },
  });
  expect(answer.status).toBe(202);
  return { ...customer, onboardingId: answer.body.onboarding_id as string, licence };
}

/** The page with a captcha, which is not the one of `formerId`. */
async function captcha(
  visitor: Visitor,
  formerId = '',
): Promise<PageAnswer & { captchaId: string; path: string }> {
  return await until(
    async () => {
      const page = await visitor.get(begin);
      if (!page.text.includes('name="captcha_id"')) return null;
      const captchaId = hiddenValue(page, 'captcha_id');
      const path = /action="(\/status\/sage\/begin\/[^"]+)"/.exec(page.text)![1]!;
      return captchaId === formerId ? null : { ...page, captchaId, path };
    },
    { timeoutMs: 20_000, describe: 'a captcha is shown' },
  );
}

async function answerCaptcha(
  visitor: Visitor,
  page: Awaited<ReturnType<typeof captcha>>,
  text: string,
): Promise<PageAnswer> {
  return await send(visitor, page, page.path, { captcha_id: page.captchaId, captcha_text: text });
}

const rightText = async (captchaId: string): Promise<string> =>
  (await fixture.control('GET', `/captchas/${captchaId}`)).text;

describe('a customer without a company at Sage', () => {
  test('sees on every page that the bank must begin', async () => {
    const { visitor } = await signInTo(fixture);
    expect((await visitor.get('/status')).text).toContain('href="/status/sage/connect"');
    expect((await visitor.get('/status/sage/connect')).location).toBe(begin);
    expect(textOf(await visitor.get(begin))).toContain('Ask your bank to begin');
  });

  test('whose company was created otherwise continues with the choice of a bank', async () => {
    const customer = await signInTo(fixture);
    await makeSageCompany(fixture, customer);
    expect((await customer.visitor.get(begin)).location).toBe('/status/sage/connect');
    expect((await customer.visitor.get('/status/sage/connect')).status).toBe(200);
  });
});

test('a cloud product is ready without the customer, who then connects a bank', async () => {
  const { visitor } = await begun('cloud');
  const ready = await completed(visitor, begin);
  expect(textOf(ready)).toContain('Your Sage company is ready');
  expect(ready.text).toContain('href="/status/sage/connect"');
  expect(await fixture.violations()).toEqual([]);
});

describe('the captcha of a desktop product', () => {
  test('is shown in the page, the only one that may contain such images, and leads to a company', async () => {
    const { visitor } = await begun('desktop');
    const page = await captcha(visitor);
    expect(page.text).toMatch(/<img class="captcha" src="data:image\/[^"]+" alt="[^"]+"/);
    const policyOf = ({ headers }: PageAnswer) => headers.get('content-security-policy');
    expect(policyOf(page)).toContain("img-src 'self' data:;");
    expect(policyOf(page)).toContain("default-src 'none'");
    expect(policyOf(page)).toContain("frame-ancestors 'none'");
    for (const path of ['/status', '/status/sign-in', '/status/sage/connect']) {
      expect(policyOf(await visitor.get(path))).toContain("img-src 'self';");
    }
    const answer = await answerCaptcha(visitor, page, await rightText(page.captchaId));
    expect(answer.location).toBe(begin);
    expect(textOf(await completed(visitor, begin))).toContain('Your Sage company is ready');
    expect((await visitor.get('/status/sage/connect')).status).toBe(200);
    expect(await fixture.violations()).toEqual([]);
  });

  test('read wrongly is reported with another captcha; after the third time it ends', async () => {
    const { visitor } = await begun('desktop');
    let page = await captcha(visitor);
    for (let failures = 1; failures <= 2; failures += 1) {
      await answerCaptcha(visitor, page, 'wrong');
      page = await captcha(visitor, page.captchaId);
      expect(textOf(page)).toContain('That was not right. Here is a new picture.');
    }
    await answerCaptcha(visitor, page, 'wrong');
    expect(textOf(await completed(visitor, begin))).toContain('The characters were wrong too often');
  });

  test('that is not legible is replaced, as often as requested', async () => {
    const { visitor } = await begun('desktop');
    let page = await captcha(visitor);
    for (let times = 0; times < 4; times += 1) {
      await send(visitor, page, page.path, { captcha_id: page.captchaId, captcha_text: '', do: 'another' });
      page = await captcha(visitor, page.captchaId);
    }
    await answerCaptcha(visitor, page, await rightText(page.captchaId));
    expect(textOf(await completed(visitor, begin))).toContain('Your Sage company is ready');
  });

  test('answered with nothing, too much, or for another captcha changes nothing', async () => {
    const { visitor, onboardingId } = await begun('desktop');
    const page = await captcha(visitor);
    for (const text of ['', '   ', 'x'.repeat(101)]) {
      const answer = await answerCaptcha(visitor, page, text);
      expect([answer.status, textOf(answer)]).toEqual([422, expect.stringContaining('Type the characters')]);
    }
    const stale = await answerCaptcha(visitor, { ...page, captchaId: randomUUID() }, 'abcdef');
    expect(stale.status).toBe(409);
    expect(textOf(stale)).toContain('no longer the current one');
    const { rows } = await fixture.pool.query(
      `SELECT state, captcha_id, captcha_text, captcha_failures FROM sage_onboardings WHERE onboarding_id = $1`,
      [onboardingId],
    );
    expect(rows).toEqual([
      { state: 'waiting_captcha', captcha_id: page.captchaId, captcha_text: null, captcha_failures: 0 },
    ]);
  });

  test('that may have expired at Sage is not shown', async () => {
    const { visitor, onboardingId } = await begun('desktop');
    const page = await captcha(visitor);
    await fixture.pool.query(
      `UPDATE sage_onboardings SET captcha_received_at = now() - interval '14 minutes' WHERE onboarding_id = $1`,
      [onboardingId],
    );
    expect((await visitor.get(begin)).text).not.toContain(page.captchaId);
    expect(textOf(await captcha(visitor, page.captchaId))).toContain('That picture was too old');
  });

  test('is for its own customer only', async () => {
    const { visitor } = await begun('desktop');
    const page = await captcha(visitor);
    const other = await begun('desktop');
    const theirs = await captcha(other.visitor);
    const answer = await send(other.visitor, theirs, page.path, {
      captcha_id: page.captchaId,
      captcha_text: await rightText(page.captchaId),
    });
    expect(answer.status).toBe(404);
    expect((await captcha(visitor)).captchaId).toBe(page.captchaId);
  });
});

test('a licence that Sage does not know has its own message', async () => {
  const { visitor } = await begun('desktop', `unknown-${randomUUID()}`);
  const page = await captcha(visitor);
  await answerCaptcha(visitor, page, await rightText(page.captchaId));
  expect(textOf(await completed(visitor, begin))).toContain('Sage does not know you as a customer');
});

test('each refusal has its own text, and none shows the provider message', async () => {
  const { visitor, onboardingId } = await begun('cloud');
  await completed(visitor, begin);
  // The customer's first and only company: with another one the page speaks of that.
  await fixture.pool.query(`DELETE FROM sage_companies WHERE onboarding_id = $1`, [onboardingId]);
  const seen = new Set<string>();
  for (const reason of sageOnboardingRefusals) {
    await fixture.pool.query(
      `UPDATE sage_onboardings SET state = 'refused', reason = $2, message = 'raw <words>' WHERE onboarding_id = $1`,
      [onboardingId, reason],
    );
    const words = textOf(await visitor.get(begin));
    expect(words).toContain('could not be made ready');
    expect(words).not.toContain('raw');
    seen.add(words);
  }
  expect(seen.size).toBe(sageOnboardingRefusals.length);
});

test('one in doubt asks the customer to wait for their bank', async () => {
  const { visitor, onboardingId } = await begun('cloud');
  await completed(visitor, begin);
  await fixture.pool.query(
    `UPDATE sage_onboardings SET state = 'in_doubt', reason = 'answer_lost' WHERE onboarding_id = $1`,
    [onboardingId],
  );
  const page = await visitor.get(begin);
  expect(textOf(page)).toContain('a person at your bank now finds out');
  expect(page.text).not.toContain('http-equiv="refresh"');
});

describe('the list of feeds', () => {
  test('shows a waiting captcha to a customer who has another company, and leads to it', async () => {
    const { visitor, customerId } = await begun('desktop');
    await makeSageCompany(fixture, { customerId });
    const page = await captcha(visitor);
    const list = await visitor.get('/status');
    expect(textOf(list)).toContain('a person has to type them');
    expect(list.text).toContain(`class="button" href="${begin}"`);
    await answerCaptcha(visitor, page, await rightText(page.captchaId));
    await completed(visitor, begin);
    expect((await visitor.get('/status')).text).not.toContain(`href="${begin}"`);
  });

  test.each([
    ['creating', null, 'is being made ready'],
    ['waiting_captcha', 'typed', 'is being made ready'],
    ['in_doubt', null, 'Sage did not say whether'],
    ['ready', null, null],
    ['refused', null, null],
  ])('shows an onboarding that is %s (typed: %s): %s', async (state, typed, words) => {
    const { visitor, onboardingId } = await begun('cloud');
    await completed(visitor, begin);
    await fixture.pool.query(
      `UPDATE sage_onboardings SET state = $2, captcha_text = $3 WHERE onboarding_id = $1`,
      [onboardingId, state, typed],
    );
    const list = await visitor.get('/status');
    expect(list.text.includes(`href="${begin}"`)).toBe(words !== null);
    if (words !== null) expect(textOf(list)).toContain(words);
  });
});

test('a further company that was refused is not shown before one that is ready', async () => {
  const { visitor, onboardingId } = await begun('cloud');
  await completed(visitor, begin);
  await fixture.pool.query(
    `UPDATE sage_onboardings SET state = 'refused', reason = 'captcha_abandoned' WHERE onboarding_id = $1`,
    [onboardingId],
  );
  const page = await visitor.get(begin);
  expect(textOf(page)).toContain('Your Sage company is ready');
  expect(textOf(page)).toContain('Nobody typed the characters in time');
  expect(page.text).toContain('href="/status/sage/connect"');
});
