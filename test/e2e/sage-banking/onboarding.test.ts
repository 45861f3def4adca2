import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { accessOf, readSageCompany } from '../../../src/db/sage-banking/companies.js';
import { transaction } from '../../../src/db/pool.js';
import { insertSageOnboarding, listOnboardingsToCheck } from '../../../src/db/sage-banking/onboardings.js';
import { keepUnclaimedOrganisation } from '../../../src/db/sage-banking/unclaimed-organisations.js';
import { sageOnboardingWorkflowId } from '../../../src/domain/ids.js';
import { searchAttributes } from '../../../src/workflows/search-attributes.js';
import {
  createSageFixture,
  sageApplication,
  type ApiAnswer,
  type SageFixture,
} from '../../support/sage-banking/fixture.js';
import { readAllHistories } from '../../support/histories.js';
import '../../support/provided.js';
import { until } from '../../support/until.js';

/* Onboarding over the machine API, with everything behind it real: each outcome, and what a person does about it. */

const soon = { timeoutMs: 30_000, everyMs: 50 };
const dayMs = 86_400_000;
const organisations = '^/api/v1/organisations$';
const minuteAgo = (): string => new Date(Date.now() - 60_000).toISOString();

let fixture: SageFixture;
/** What must never be in a history, a log line or on the timeline. */
const secrets = new Set<string>([sageApplication.signingKey]);
beforeAll(async () => {
  fixture = await createSageFixture();
});
afterEach(async () => {
  await fixture.control('DELETE', '/faults');
  expect(await fixture.violations()).toEqual([]);
});
afterAll(() => fixture.close());

/** A licence that the token service knows. */
async function licence(valid = true, at = fixture): Promise<{ key: string; value: string }[]> {
  const serial = `licence-${randomUUID()}`;
  secrets.add(serial);
  await at.control('POST', '/licences', { serial, valid });
  return [{ key: 'serial', value: serial }];
}

async function begin(input: Record<string, unknown> = {}, at = fixture): Promise<ApiAnswer> {
  const { customerId } = await at.makeCustomer();
  const json = {
    customer_id: customerId,
    kind: 'cloud',
    company: { name: `Quay Bakery ${randomUUID()}`, postal_code: 'NE1 1AA' },
    terms_accepted_at: minuteAgo(),
    ...input,
  };
  return await at.api('POST', '/v1/sage/organisations', { json });
}

async function beginDesktop(at = fixture, valid = true): Promise<string> {
  const begun = await begin({ kind: 'desktop', licence_details: await licence(valid, at) }, at);
  return (begun.body as { onboarding_id: string }).onboarding_id;
}

const pathOf = (id: string): string => `/v1/sage/onboardings/${id}`;
const read = async (id: string, at = fixture): Promise<ApiAnswer['body']> =>
  (await at.api('GET', pathOf(id))).body;

async function reaches(id: string, state: string, at = fixture): Promise<ApiAnswer['body']> {
  return await until(
    async () => {
      const body = await read(id, at);
      return body.state === state ? body : undefined;
    },
    { ...soon, describe: `onboarding ${id} is ${state}` },
  );
}

/** What a person reads in the captcha that is shown. */
async function readCaptcha(id: string, at = fixture): Promise<string> {
  const { captcha } = await reaches(id, 'waiting_captcha', at);
  expect(captcha.image).toMatch(/^data:image\//);
  return (await at.control('GET', `/captchas/${captcha.captcha_id}`)).text;
}

const answer = (id: string, json: unknown, at = fixture): Promise<ApiAnswer> =>
  at.api('POST', `${pathOf(id)}/captcha`, { json });
const resolve = (id: string, json: unknown, role: 'core' | 'ops' = 'ops', at = fixture): Promise<ApiAnswer> =>
  at.api('POST', `${pathOf(id)}/resolve`, { json, role });

async function kindsOf(id: string): Promise<string[]> {
  const { rows } = await fixture.pool.query<{ kind: string }>(
    `SELECT kind FROM timeline WHERE detail->>'onboarding_id' = $1 ORDER BY entry_id`,
    [id],
  );
  return rows.map((row) => row.kind);
}

/** Organisations at Sage whose company is called as in the order. */
async function organisationsOf(
  id: string,
  at = fixture,
): Promise<{ id: string; companies: { id: string }[] }[]> {
  const { rows } = await at.pool.query<{ name: string }>(
    `SELECT request->'company'->>'name' AS name FROM sage_onboardings WHERE onboarding_id = $1`,
    [id],
  );
  const { organisations: all } = (await at.control('GET', '/organisations')) as {
    organisations: { id: string; companies: { id: string }[]; fields: { company?: { name: string } } }[];
  };
  return all.filter(({ fields }) => fields.company?.name === rows[0]?.name);
}

async function idOf(begun: ApiAnswer): Promise<string> {
  expect(begun.status).toBe(202);
  expect(begun.headers.get('location')).toBe(pathOf(begun.body.onboarding_id as string));
  return Promise.resolve(begun.body.onboarding_id as string);
}

describe('a cloud product', () => {
  it('is onboarded at once: one organisation, its key sealed, proven before it is ready', async () => {
    const id = await idOf(await begin({ crm_id: '4711', user: { email_address: 'a@example.test' } }));
    const ready = await reaches(id, 'ready');
    const [organisation, ...more] = await organisationsOf(id);
    expect(more).toEqual([]);
    expect(ready).toMatchObject({
      organisation_id: organisation?.id,
      company_id: organisation?.companies[0]?.id,
    });
    const company = await readSageCompany(fixture.pool, { connectionId: ready.connection_id });
    const access = accessOf(fixture.keyring, company!);
    secrets.add(access.signingKey);
    await fixture.deps.sage!.client.proveAccess({ access });
    const rows = await fixture.pool.query(
      `SELECT licence_sealed, captcha_image, create_sent_at, resolution_sealed FROM sage_onboardings WHERE onboarding_id = $1`,
      [id],
    );
    expect(Object.values(rows.rows[0] as object)).toEqual([null, null, null, null]);
    expect(await kindsOf(id)).toEqual([
      'sage_onboarding_begun',
      'sage_organisation_requested',
      'sage_organisation_created',
      'sage_onboarding_ready',
    ]);
    const handle = fixture.client.workflow.getHandle(sageOnboardingWorkflowId(id));
    await handle.result();
    const { typedSearchAttributes } = await handle.describe();
    expect(typedSearchAttributes.get(searchAttributes.customerId)).toBe(ready.customer_id);
  });

  it('that Sage refuses has a reason from Sage’s answer, and the customer may begin again', async () => {
    const cases: [status: number, code: string, reason: string][] = [
      [400, 'invalidCustomer', 'invalid_customer'],
      [400, 'invalidRequest', 'invalid_request'],
      [404, 'notFound', 'no_initial_request'],
      [409, 'organisationLimitExceeded', 'organisation_limit'],
      [422, 'odd', 'provider_refused'],
    ];
    for (const [status, code, reason] of cases) {
      const body = { error: { code, message: 'So it is.' } };
      await fixture.control('POST', '/faults', {
        kind: 'status',
        http_status: status,
        body,
        match: { method: 'POST', path: organisations },
      });
      const begun = await begin();
      const refused = await reaches(await idOf(begun), 'refused');
      expect([refused.reason, refused.message]).toEqual([
        reason,
        expect.stringContaining('Sage says: So it is.'),
      ]);
      expect(await kindsOf(refused.onboarding_id as string)).toContain('sage_onboarding_refused');
    }
  });

  it('is not requested twice while Sage refuses our own application, and continues afterwards', async () => {
    await fixture.control('POST', '/faults', {
      kind: 'unauthorised',
      times: 0,
      match: { method: 'POST', path: organisations },
    });
    const id = await idOf(await begin());
    await until(async () => (await read(id)).reason === 'sage_application_refused', {
      ...soon,
      describe: 'the refusal is recorded',
    });
    expect((await read(id)).state).toBe('creating');
    expect(await organisationsOf(id)).toEqual([]);
    await fixture.control('DELETE', '/faults');
    await fixture.deps.sage!.workflows.onboardingChanged({ onboardingId: id });
    await reaches(id, 'ready');
    expect(await organisationsOf(id)).toHaveLength(1);
    expect((await kindsOf(id)).filter((kind) => kind === 'sage_onboarding_failing')).toHaveLength(1);
  });

  it('is asked for again after a 429, since nothing was done', async () => {
    await fixture.control('POST', '/faults', {
      kind: 'rate_limited',
      retry_after: '1',
      times: 2,
      match: { method: 'POST', path: organisations },
    });
    const id = await idOf(await begin());
    await reaches(id, 'ready');
    expect(await organisationsOf(id)).toHaveLength(1);
  });

  it('whose first token comes late is ready late, and keeps its one organisation', async () => {
    await fixture.control('POST', '/faults', {
      kind: 'server_error_before_effect',
      times: 2,
      match: { path: 'accesstoken' },
    });
    const id = await idOf(await begin());
    await reaches(id, 'ready');
    expect(await organisationsOf(id)).toHaveLength(1);
  });
});

describe('a desktop product', () => {
  it('waits for a person, who may take a day: a stale captcha is fetched again when it is read', async () => {
    const id = await beginDesktop();
    const first = (await reaches(id, 'waiting_captcha')).captcha.captcha_id;
    // A day: Sage forgets the captcha and the registration, and nobody checks meanwhile.
    await fixture.control('POST', '/clock', { advance_ms: dayMs });
    await age(id, dayMs);
    const checked = await read(id);
    expect(checked.state).toBe('waiting_captcha');
    expect(checked.captcha.captcha_id).not.toBe(first);
    const solved = await answer(id, { text: await readCaptcha(id), captcha_id: checked.captcha.captcha_id });
    expect([solved.status, solved.body.state]).toEqual([200, 'ready']);
    expect(await organisationsOf(id)).toHaveLength(1);
    expect(await kindsOf(id)).toEqual([
      'sage_onboarding_begun',
      'sage_captcha_shown',
      'sage_captcha_wanted',
      'sage_captcha_shown',
      'sage_captcha_answered',
      'sage_organisation_requested',
      'sage_organisation_created',
      'sage_onboarding_ready',
    ]);
  });

  it('is not refused for a captcha that was answered too late: it gets a new one', async () => {
    const id = await beginDesktop();
    const text = await readCaptcha(id);
    await age(id, 14 * 60_000);
    const late = await answer(id, { text });
    expect(late.body).toMatchObject({ state: 'waiting_captcha', reason: 'captcha_expired' });
    expect((await answer(id, { text: await readCaptcha(id) })).body.state).toBe('ready');
  });

  it('gets no captcha without a request: an unattended one stays until it is read again', async () => {
    const id = await beginDesktop();
    await reaches(id, 'waiting_captcha');
    await age(id, dayMs);
    const before: unknown = await fixture.control('GET', '/counters');
    await haveItCheck(id);
    const { rows } = await fixture.pool.query<{ captcha_id: string }>(
      `SELECT captcha_id FROM sage_onboardings WHERE onboarding_id = $1`,
      [id],
    );
    expect(await fixture.control('GET', '/counters')).toEqual(before);
    expect((await read(id)).captcha.captcha_id).not.toBe(rows[0]?.captcha_id);
  });

  it('gets another captcha for {}, as often as it is requested', async () => {
    const id = await beginDesktop();
    const seen = new Set<string>();
    for (let times = 0; times < 5; times += 1) {
      seen.add((await reaches(id, 'waiting_captcha')).captcha.captcha_id as string);
      expect((await answer(id, {})).body.state).toBe('waiting_captcha');
    }
    expect(seen.size).toBe(5);
    expect((await answer(id, { text: await readCaptcha(id) })).body.state).toBe('ready');
  });

  it('ends after three wrong answers, each with a new captcha and its reason', async () => {
    const id = await beginDesktop();
    const seen = new Set<string>();
    for (const failures of [1, 2]) {
      seen.add((await reaches(id, 'waiting_captcha')).captcha.captcha_id as string);
      const wrong = await answer(id, { text: 'not this' });
      expect([failures, wrong.body.state, wrong.body.reason]).toEqual([
        failures,
        'waiting_captcha',
        'captcha_wrong',
      ]);
    }
    seen.add((await reaches(id, 'waiting_captcha')).captcha.captcha_id as string);
    const last = await answer(id, { text: 'not this' });
    expect(last.body).toMatchObject({ state: 'refused', reason: 'captcha_failed' });
    expect(seen.size).toBe(3);
    expect(await organisationsOf(id)).toEqual([]);
    expect((await answer(id, { text: 'late' })).body).toMatchObject({
      status: 409,
      code: 'wrong_state',
      state: 'refused',
    });
  });

  it('ends when nobody reads the captcha for a week', async () => {
    const id = await beginDesktop();
    await reaches(id, 'waiting_captcha');
    await age(id, 8 * dayMs);
    await fixture.deps.sage!.workflows.onboardingChanged({ onboardingId: id });
    await until(async () => (await read(id)).reason === 'captcha_abandoned', {
      ...soon,
      describe: 'the onboarding is abandoned',
    });
    expect((await read(id)).state).toBe('refused');
  });

  it('is registered once more, with a new captcha, when the token service has forgotten it; then it is refused', async () => {
    const fault = {
      kind: 'status',
      http_status: 404,
      body: { error: { code: 'notFound', message: 'unknown' } },
    };
    const match = { method: 'POST', path: organisations };
    await fixture.control('POST', '/faults', { ...fault, match });
    const recovered = await beginDesktop();
    const first = await answer(recovered, { text: await readCaptcha(recovered) });
    expect(first.body).toMatchObject({ state: 'waiting_captcha', reason: 'registration_expired' });
    expect((await answer(recovered, { text: await readCaptcha(recovered) })).body.state).toBe('ready');

    await fixture.control('POST', '/faults', { ...fault, match, times: 2 });
    const lost = await beginDesktop();
    await answer(lost, { text: await readCaptcha(lost) });
    const second = await answer(lost, { text: await readCaptcha(lost) });
    expect(second.body).toMatchObject({ state: 'refused', reason: 'no_initial_request' });
  });

  it('whose licence is of no customer is refused as such', async () => {
    const id = await beginDesktop(fixture, false);
    const refused = await answer(id, { text: await readCaptcha(id) });
    expect(refused.body).toMatchObject({ state: 'refused', reason: 'invalid_customer' });
    expect(await organisationsOf(id)).toEqual([]);
  });

  it('waits while the token service is unavailable, and shows it', async () => {
    await fixture.control('POST', '/faults', {
      kind: 'server_error_before_effect',
      times: 2,
      match: { path: 'requestToken' },
    });
    const id = await beginDesktop();
    await reaches(id, 'waiting_captcha');
    expect(await kindsOf(id)).toContain('sage_onboarding_failing');
    expect((await read(id)).reason).toBeUndefined();
  });
});

describe('an answer that got lost', () => {
  const losses: [name: string, fault: Record<string, unknown>, created: number][] = [
    ['by a reset', { kind: 'reset_after_effect' }, 1],
    ['by a reset before Sage did anything', { kind: 'reset_before_effect' }, 0],
    ['by silence', { kind: 'hang_after_effect' }, 1],
    ['in a 500', { kind: 'server_error_after_effect' }, 1],
    ['in a body that means nothing', { kind: 'malformed_body', shape: 'truncated_json' }, 1],
    ['behind a redirect', { kind: 'redirect' }, 0],
  ];
  it.each(losses)('%s is a doubt, and nothing is sent again by itself', async (_name, fault, created) => {
    const id = await loseAnswer(fault);
    const unknownOutcome = await read(id);
    expect(unknownOutcome).toMatchObject({ state: 'in_doubt', reason: 'answer_lost' });
    expect(unknownOutcome.message).toContain('Nothing is sent again by itself');
    const posts = (await fixture.control('GET', '/counters')).organisation_posts;
    await haveItCheck(id);
    expect(await organisationsOf(id)).toHaveLength(created);
    expect((await fixture.control('GET', '/counters')).organisation_posts).toEqual(posts);
    expect((await read(id)).state).toBe('in_doubt');
  });

  it('ends with the ids and the key that an operator found, once Sage has accepted them', async () => {
    const id = await loseAnswer({ kind: 'reset_after_effect' });
    const [organisation] = await organisationsOf(id);
    const ids = { organisation_id: organisation!.id, company_id: organisation!.companies[0]!.id };
    const wrong = await resolve(id, { ...ids, signing_key: 'not-the-key' });
    expect([wrong.status, wrong.body.code]).toEqual([422, 'resolution_refused']);
    expect(await read(id)).toMatchObject({ state: 'in_doubt', reason: 'resolution_refused' });
    expect((await resolve(id, { ...ids, signing_key: 'x' }, 'core')).status).toBe(403);
    const signingKey = await keyOf(organisation!.id);
    secrets.add(signingKey);
    const right = await resolve(id, { ...ids, signing_key: signingKey });
    expect([right.status, right.body.state]).toEqual([200, 'ready']);
    expect(right.body).toMatchObject(ids);
    expect(await organisationsOf(id)).toHaveLength(1);
    expect((await resolve(id, { not_created: true })).body).toMatchObject({
      code: 'wrong_state',
      state: 'ready',
    });
    // A forged signature is a breach of the contract: ours was an operator's typing error.
    await fixture.control('DELETE', '/violations');
  });

  it('ends with a new order when the operator found nothing: cloud at once, desktop with a new captcha', async () => {
    const cloud = await loseAnswer({ kind: 'reset_before_effect' });
    expect((await resolve(cloud, { not_created: true })).status).toBe(200);
    await reaches(cloud, 'ready');
    expect(await organisationsOf(cloud)).toHaveLength(1);
    await fixture.control('POST', '/faults', {
      kind: 'reset_before_effect',
      match: { method: 'POST', path: organisations },
    });
    const desktop = await beginDesktop();
    expect((await answer(desktop, { text: await readCaptcha(desktop) })).body.state).toBe('in_doubt');
    expect((await resolve(desktop, { not_created: true })).status).toBe(200);
    expect((await answer(desktop, { text: await readCaptcha(desktop) })).body.state).toBe('ready');
    expect(await organisationsOf(desktop)).toHaveLength(1);
  });

  it('ends with the key that was kept of an organisation whose answer came late, be the onboarding refused', async () => {
    const id = await loseAnswer({ kind: 'reset_after_effect' });
    const [organisation] = await organisationsOf(id);
    const made = { organisationId: organisation!.id, companyId: organisation!.companies[0]!.id };
    const ids = { organisation_id: made.organisationId, company_id: made.companyId };
    const unknown = await resolve(id, ids);
    expect([unknown.status, unknown.body.errors]).toMatchObject([422, [{ pointer: '/signing_key' }]]);
    const signingKey = await keyOf(made.organisationId);
    secrets.add(signingKey);
    // As after `not_created` in production: Sage allows no second one, and then the first answer comes.
    await fixture.pool.query(
      `UPDATE sage_onboardings SET state = 'refused', reason = 'organisation_limit', create_sent_at = NULL
        WHERE onboarding_id = $1`,
      [id],
    );
    expect((await resolve(id, { ...ids, signing_key: signingKey })).status).toBe(409);
    const kept = { ...made, onboardingId: id, signingKey };
    await keepUnclaimedOrganisation(fixture.pool, fixture.keyring, kept);
    expect((await resolve(id, { not_created: true })).status).toBe(409);
    const done = await resolve(id, ids);
    expect([done.status, done.body]).toMatchObject([200, { state: 'ready', ...ids }]);
    expect(await organisationsOf(id)).toHaveLength(1);
    const { rows } = await fixture.pool.query('SELECT 1 FROM sage_unclaimed_organisations');
    expect(rows).toEqual([]);
  });

  it('is not resolved with a company that is onboarded already', async () => {
    const other = await reaches(await idOf(await begin()), 'ready');
    const company = await readSageCompany(fixture.pool, { connectionId: other.connection_id as string });
    const { signingKey } = accessOf(fixture.keyring, company!);
    const id = await loseAnswer({ kind: 'reset_after_effect' });
    const ids = { organisation_id: other.organisation_id as string, company_id: other.company_id as string };
    const refused = await resolve(id, { ...ids, signing_key: signingKey });
    expect([refused.status, refused.body.detail]).toEqual([
      422,
      expect.stringContaining('onboarded already'),
    ]);
  });

  it('is accepted although it comes after in_doubt: the POST in progress reports it', async () => {
    // Its process is not dead, only unheard of: another attempt finds the mark while the POST hangs.
    await fixture.control('POST', '/faults', {
      kind: 'slow',
      delay_ms: 1_500,
      match: { method: 'POST', path: organisations },
    });
    const begun = begin();
    const id = await idOf(await begun);
    await until(async () => (await kindsOf(id)).includes('sage_organisation_requested'), {
      ...soon,
      describe: 'the POST is under way',
    });
    await fixture.pool.query(
      `UPDATE sage_onboardings SET state = 'in_doubt', reason = 'answer_lost' WHERE onboarding_id = $1`,
      [id],
    );
    await reaches(id, 'ready');
    expect(await organisationsOf(id)).toHaveLength(1);
  });

  async function loseAnswer(fault: Record<string, unknown>): Promise<string> {
    await fixture.control('POST', '/faults', { ...fault, match: { method: 'POST', path: organisations } });
    const id = await idOf(await begin());
    await reaches(id, 'in_doubt');
    return id;
  }
});

describe('the machine API', () => {
  it('keeps one open onboarding for each customer, and names the one that is open', async () => {
    const { customerId } = await fixture.makeCustomer();
    const first = await begin({ customer_id: customerId, kind: 'desktop', licence_details: await licence() });
    const second = await begin({ customer_id: customerId });
    expect(second.status).toBe(409);
    expect(second.body).toMatchObject({ code: 'onboarding_open', onboarding_id: first.body.onboarding_id });
  });

  it('begins one onboarding for a call that is repeated under its key', async () => {
    const { customerId } = await fixture.makeCustomer();
    const json = {
      customer_id: customerId,
      kind: 'cloud',
      company: { name: `Once ${randomUUID()}` },
      terms_accepted_at: minuteAgo(),
    };
    const key = randomUUID();
    const answers = [];
    for (let times = 0; times < 2; times += 1) {
      answers.push(await fixture.api('POST', '/v1/sage/organisations', { json, key }));
    }
    expect(answers[0]?.body).toEqual(answers[1]?.body);
    const id = await idOf(answers[0]!);
    await reaches(id, 'ready');
    expect(await organisationsOf(id)).toHaveLength(1);
  });

  it('refuses invalid orders, with a pointer to each error, and stores nothing', async () => {
    const details = [{ key: 'serial', value: 'x' }];
    const cases: [change: Record<string, unknown>, pointer: string][] = [
      [{ terms_accepted_at: undefined }, '/terms_accepted_at'],
      [{ terms_accepted_at: new Date(Date.now() + 3_600_000).toISOString() }, '/terms_accepted_at'],
      [{ terms_accepted_at: '2026-02-30T10:00:00Z' }, '/terms_accepted_at'],
      [{ kind: 'tablet' }, '/kind'],
      [{ company: { name: '' } }, '/company/name'],
      [{ company: { name: 'A', nickname: 'B' } }, '/company/nickname'],
      [{ kind: 'desktop' }, '/licence_details'],
      [{ kind: 'desktop', licence_details: [] }, '/licence_details'],
      [{ kind: 'cloud', licence_details: details }, '/licence_details'],
      [{ user: { password: 'p' } }, '/user/password'],
    ];
    const count = async (): Promise<string> =>
      (await fixture.pool.query<{ count: string }>('SELECT count(*) FROM sage_onboardings')).rows[0]!.count;
    const before = await count();
    for (const [change, pointer] of cases) {
      const refused = await begin(change);
      expect([refused.status, refused.body.errors?.[0]?.pointer]).toEqual([422, pointer]);
    }
    expect((await begin({ customer_id: 'nobody' })).status).toBe(404);
    expect(await count()).toBe(before);
  });

  it('refuses what is no answer and no resolution, and knows no foreign ids', async () => {
    const id = await beginDesktop();
    await reaches(id, 'waiting_captcha');
    for (const json of [{ text: '' }, { text: 'x'.repeat(101) }, { text: 7 }, { words: 'x' }]) {
      expect((await answer(id, json)).status).toBe(422);
    }
    const outdated = await answer(id, { text: 'x', captcha_id: 'an-older-one' });
    expect([outdated.status, outdated.body.code]).toEqual([409, 'captcha_outdated']);
    for (const json of [
      {},
      { not_created: false },
      { organisation_id: 'a', company_id: 'b' },
      { organisation_id: 'a' },
      { organisation_id: 'a', company_id: 'b', signing_key: 'c', not_created: true },
      { organisation_id: 'a\r\nx-evil: 1', company_id: 'b', signing_key: 'c' },
    ]) {
      expect((await resolve(id, json)).status).toBe(422);
    }
    expect((await resolve(id, { not_created: true })).body).toMatchObject({
      status: 409,
      state: 'waiting_captcha',
    });
    for (const path of [`${pathOf(randomUUID())}/captcha`, `${pathOf(randomUUID())}/resolve`]) {
      const json = path.endsWith('captcha') ? { text: 'x' } : { not_created: true };
      expect(
        (await fixture.api('POST', path, { json, role: path.endsWith('captcha') ? 'core' : 'ops' })).status,
      ).toBe(404);
    }
    expect((await fixture.api('GET', pathOf(randomUUID()))).status).toBe(404);
    // Nothing of all that counted as a wrong answer.
    expect((await answer(id, { text: await readCaptcha(id) })).body.state).toBe('ready');
  });
});

describe('the repair job', () => {
  it('reports every onboarding that is not over, by id, and no other', async () => {
    const open = await beginDesktop();
    const done = await idOf(await begin());
    await reaches(done, 'ready');
    const all: string[] = [];
    for (let afterId: string | null = null; ; afterId = all.at(-1) ?? null) {
      const page = await listOnboardingsToCheck(fixture.pool, { afterId, limit: 1 });
      if (page.length === 0) break;
      all.push(...page.map(({ onboardingId }) => onboardingId));
    }
    expect(all).toContain(open);
    expect(all).not.toContain(done);
    expect(all).toEqual([...all].sort());
  });
});

describe('an order whose start was lost with the process that should have sent it', () => {
  it('begins when somebody checks it, or orders again', async () => {
    const lost = async (): Promise<{ id: string; customerId: string }> => {
      const { customerId } = await fixture.makeCustomer();
      const id = randomUUID();
      await transaction(fixture.pool, (db) =>
        insertSageOnboarding(db, {
          onboardingId: id,
          customerId,
          kind: 'cloud',
          licenceSealed: null,
          request: { company: { name: `Lost ${id}` } },
          termsAcceptedAt: minuteAgo(),
        }),
      );
      return { id, customerId };
    };
    const seen = await lost();
    await fixture.pool.query(
      `UPDATE sage_onboardings SET updated_at = updated_at - interval '1 minute' WHERE onboarding_id = $1`,
      [seen.id],
    );
    await reaches(seen.id, 'ready');
    const ordered = await lost();
    expect((await begin({ customer_id: ordered.customerId })).body).toMatchObject({
      code: 'onboarding_open',
      onboarding_id: ordered.id,
    });
    await reaches(ordered.id, 'ready');
    expect(await organisationsOf(ordered.id)).toHaveLength(1);
  });
});

describe('production', () => {
  let production: SageFixture;
  beforeAll(async () => {
    production = await createSageFixture({ environment: 'production', onboards: true });
  });
  afterAll(() => production.close());

  it('allows one organisation for each customer: the second order reports the limit, with the provider message', async () => {
    const details = await licence(true, production);
    const order = { kind: 'desktop', licence_details: details };
    const first = await idOf(await begin(order, production));
    const solved = await answer(first, { text: await readCaptcha(first, production) }, production);
    expect(solved.body.state).toBe('ready');
    const second = await idOf(await begin(order, production));
    const limited = await answer(second, { text: await readCaptcha(second, production) }, production);
    expect(limited.body).toMatchObject({ state: 'refused', reason: 'organisation_limit' });
    expect(limited.body.message).toMatch(/allows 1 organisation.*Sage says: .*organisationLimit of 1/);
    expect(await organisationsOf(second, production)).toEqual([]);
    expect(await production.violations()).toEqual([]);
  });
});

describe('a service that is configured for neither kind of product', () => {
  let bare: SageFixture;
  beforeAll(async () => {
    bare = await createSageFixture({ onboards: false });
  });
  afterAll(() => bare.close());

  it.each(['cloud', 'desktop'])('refuses a %s product clearly, and sends Sage nothing', async (kind) => {
    const order = kind === 'cloud' ? { kind } : { kind, licence_details: await licence(true, bare) };
    const refused = await reaches(await idOf(await begin(order, bare)), 'refused', bare);
    expect(refused.reason).toBe('not_configured');
    expect((await bare.control('GET', '/requests')).requests).toEqual([]);
  });
});

describe('secrets', () => {
  it('are in no history, log line or timeline row, and not in plain text in the row', async () => {
    const { raw, decoded, types } = await readAllHistories(inject('temporalAddress'), fixture.namespace);
    expect([...types]).toEqual(['sageOnboardingWorkflow']);
    expect(decoded).toContain('waiting_captcha');
    const { rows: timeline } = await fixture.pool.query(`SELECT detail::text FROM timeline`);
    const { rows } = await fixture.pool.query(`SELECT sage_onboardings::text, sage_companies::text
       FROM sage_onboardings LEFT JOIN sage_companies USING (onboarding_id)`);
    const everything = [raw, decoded, ...fixture.logLines, JSON.stringify([timeline, rows])].join('\n');
    expect(secrets.size).toBeGreaterThan(10);
    expect([...secrets].filter((secret) => everything.includes(secret))).toEqual([]);
  });
});

/** Wakes the workflow, and waits until it has checked and acted. */
async function haveItCheck(id: string): Promise<void> {
  const handle = fixture.client.workflow.getHandle(sageOnboardingWorkflowId(id));
  const checks = async (): Promise<number> =>
    ((await handle.fetchHistory()).events ?? []).filter(
      ({ activityTaskCompletedEventAttributes: done }) => done != null,
    ).length;
  const before = await checks();
  await fixture.deps.sage!.workflows.startOnboarding({ onboardingId: id });
  await fixture.deps.sage!.workflows.onboardingChanged({ onboardingId: id });
  await until(async () => (await checks()) > before, { ...soon, describe: 'the workflow has checked' });
}

/** As if that much time had passed since the row was written. */
async function age(id: string, ms: number): Promise<void> {
  await fixture.pool.query(
    `UPDATE sage_onboardings SET captcha_received_at = captcha_received_at - $2 * interval '1 ms',
            person_acted_at = person_acted_at - $2 * interval '1 ms' WHERE onboarding_id = $1`,
    [id, ms],
  );
}

/** What Sage answers to a search. */
async function keyOf(organisationId: string): Promise<string> {
  return (await fixture.control('GET', `/organisations/${organisationId}/key`)).signing_key as string;
}
