import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { accessOf, listSageCompanies } from '../../../src/db/sage-banking/companies.js';
import { createSageFixture, type ApiAnswer, type SageFixture } from '../../support/sage-banking/fixture.js';
import { until } from '../../support/until.js';

/* Organisations by the Authentication Service, and further companies of an organisation (contract 2.3). */

let fixture: SageFixture;
beforeAll(async () => {
  fixture = await createSageFixture({ organisationRoute: 'authentication_service' });
});
afterEach(async () => {
  await fixture.control('DELETE', '/faults');
  expect(await fixture.violations()).toEqual([]);
});
afterAll(() => fixture.close());

const organisationsPath = '^/auth-v1/organisations$';
const companiesPath = '^/auth-v1/organisations/[^/]+/companies$';
const termsAt = '2026-02-01T09:30:00Z';

interface Begun {
  readonly customerId: string;
  readonly id: string;
}

async function begin(name = `Quay Bakery ${randomUUID()}`): Promise<Begun> {
  const { customerId } = await fixture.makeCustomer();
  const json = {
    customer_id: customerId,
    kind: 'cloud',
    company: { name, postal_code: 'NE1 1AA', language_code: 'en-GB' },
    crm_id: '4711',
    user: { email_address: 'a@example.test' },
    terms_accepted_at: termsAt,
  };
  const answer = await fixture.api('POST', '/v1/sage/organisations', { json });
  expect(answer.status).toBe(202);
  return { customerId, id: answer.body.onboarding_id as string };
}

async function reaches(id: string, state: string): Promise<ApiAnswer['body']> {
  return await until(
    async () => {
      const { body } = await fixture.api('GET', `/v1/sage/onboardings/${id}`);
      return body.state === state ? (body as object) : undefined;
    },
    { timeoutMs: 30_000, everyMs: 50, describe: `onboarding ${id} is ${state}` },
  );
}

const resolve = (id: string, json: unknown): Promise<ApiAnswer> =>
  fixture.api('POST', `/v1/sage/onboardings/${id}/resolve`, { json, role: 'ops' });

interface AtSage {
  readonly id: string;
  readonly kind: string;
  readonly fields: Record<string, unknown>;
  readonly companies: { id: string; fields: { name: string; postalCode?: string } }[];
}

async function organisationsOf({ id }: Begun): Promise<AtSage[]> {
  const { organisations } = (await fixture.control('GET', '/organisations')) as { organisations: AtSage[] };
  return organisations.filter(({ fields }) => fields['externalId'] === id);
}

async function addCompany(customerId: string, organisationId: string, more: object = {}): Promise<ApiAnswer> {
  const json = { customer_id: customerId, company: { name: 'Second Shop', postal_code: 'NE2' }, ...more };
  return await fixture.api('POST', `/v1/sage/organisations/${organisationId}/companies`, { json });
}

const losing = (path: string) =>
  fixture.control('POST', '/faults', { kind: 'reset_after_effect', match: { path }, times: 1 });

describe('an organisation by the Authentication Service', () => {
  it('is created with our id, then its company, and is proven before it is ready', async () => {
    const begun = await begin();
    const ready = await reaches(begun.id, 'ready');
    const [organisation, ...more] = await organisationsOf(begun);
    expect(more).toEqual([]);
    expect(organisation).toMatchObject({
      kind: 'authentication_service',
      fields: { sageCRMId: '4711', adminEmail: 'a@example.test', defaultLanguage: 'en-GB' },
      companies: [{ id: ready.company_id, fields: { postalCode: 'NE1 1AA' } }],
    });
    expect(ready.organisation_id).toBe(organisation!.id);
    const [company] = await listSageCompanies(fixture.pool, begun);
    await fixture.deps.sage!.client.proveAccess({ access: accessOf(fixture.keyring, company!) });
    const { rows } = await fixture.pool.query(
      `SELECT organisation_key_sealed, create_sent_at FROM sage_onboardings WHERE onboarding_id = $1`,
      [begun.id],
    );
    expect(rows).toEqual([{ organisation_key_sealed: null, create_sent_at: null }]);
  });

  it('whose answer was lost waits for an operator, who enters it without a company: that one is created then', async () => {
    await losing(organisationsPath);
    const begun = await begin();
    const inDoubt = await reaches(begun.id, 'in_doubt');
    expect(inDoubt.organisation_id).toBeUndefined();
    const [organisation, ...more] = await organisationsOf(begun);
    expect(more).toEqual([]);
    const { signing_key } = await fixture.control('GET', `/organisations/${organisation!.id}/key`);
    const wrong = await resolve(begun.id, { organisation_id: organisation!.id, signing_key: 'wrong' });
    expect(wrong).toMatchObject({ status: 422, body: { code: 'resolution_refused' } });
    await fixture.control('DELETE', '/violations');
    const accepted = await resolve(begun.id, { organisation_id: organisation!.id, signing_key });
    expect(accepted.status).toBe(200);
    const ready = await reaches(begun.id, 'ready');
    expect(ready.organisation_id).toBe(organisation!.id);
    expect((await organisationsOf(begun))[0]!.companies).toHaveLength(1);
  });

  it('whose company’s answer was lost is not created again: both ways out', async () => {
    for (const isCreated of [true, false]) {
      await fixture.control('POST', '/faults', {
        kind: isCreated ? 'reset_after_effect' : 'reset_before_effect',
        match: { path: companiesPath },
        times: 1,
      });
      const begun = await begin();
      const inDoubt = await reaches(begun.id, 'in_doubt');
      const [organisation] = await organisationsOf(begun);
      expect(inDoubt.organisation_id).toBe(organisation!.id);
      expect(inDoubt.message).toContain(`whether organisation ${organisation!.id} has this company`);
      expect(organisation!.companies).toHaveLength(isCreated ? 1 : 0);
      const company = organisation!.companies[0];
      const found =
        company === undefined ? null : { organisation_id: organisation!.id, company_id: company.id };
      expect((await resolve(begun.id, found ?? { not_created: true })).status).toBe(200);
      const ready = await reaches(begun.id, 'ready');
      expect(ready.organisation_id).toBe(organisation!.id);
      const [after, ...more] = await organisationsOf(begun);
      expect(more).toEqual([]);
      expect(after!.companies.map(({ id }) => id)).toEqual([ready.company_id]);
    }
  });

  it('that Sage refuses is refused', async () => {
    const body = { error: { code: 'invalidRequest', message: 'no such language', details: [] } };
    await fixture.control('POST', '/faults', {
      kind: 'status',
      http_status: 400,
      body,
      match: { path: organisationsPath },
    });
    const refused = await reaches((await begin()).id, 'refused');
    expect(refused).toMatchObject({ reason: 'invalid_request' });
    expect(refused.message).toContain('no such language');
  });
});

describe('a further company', () => {
  it('is created in the organisation that exists, and banks are linked for the company that is named', async () => {
    const begun = await begin();
    const first = await reaches(begun.id, 'ready');
    const answer = await addCompany(begun.customerId, first.organisation_id as string);
    expect(answer.status).toBe(202);
    const second = await reaches(answer.body.onboarding_id as string, 'ready');
    expect(second.organisation_id).toBe(first.organisation_id);
    expect(second.company_id).not.toBe(first.company_id);
    expect(second.terms_accepted_at).toBe('2026-02-01T09:30:00.000Z');
    const [organisation, ...more] = await organisationsOf(begun);
    expect(more).toEqual([]);
    expect(organisation!.companies.map(({ id }) => id)).toEqual([first.company_id, second.company_id]);
    const link = (company_id?: string) =>
      fixture.api('POST', '/v1/sage/links', {
        json: {
          customer_id: begun.customerId,
          bank_id: 'none',
          requested_start_date: '2026-01-01',
          ...(company_id === undefined ? {} : { company_id }),
        },
      });
    expect(await link()).toMatchObject({ status: 422, body: { errors: [{ pointer: '/company_id' }] } });
    expect(await link(second.company_id as string)).toMatchObject({ body: { code: 'unknown_bank' } });
    const connections = await fixture.api('GET', `/v1/customers/${begun.customerId}/connections`);
    expect((connections.body.connections as { name: string }[]).map(({ name }) => name)).toContain(
      'Second Shop',
    );
  });

  it('is refused for an organisation of nobody or of another customer, and while another one is open', async () => {
    const [own, other] = [await begin(), await begin()];
    const [ready] = [await reaches(own.id, 'ready'), await reaches(other.id, 'ready')];
    const organisationId = ready.organisation_id as string;
    expect((await addCompany(other.customerId, organisationId)).status).toBe(404);
    expect((await addCompany(own.customerId, 'none')).status).toBe(404);
    expect((await addCompany('nobody', organisationId)).status).toBe(404);
    const future = await addCompany(own.customerId, organisationId, {
      terms_accepted_at: '2999-01-01T00:00:00Z',
    });
    expect(future).toMatchObject({ status: 422, body: { errors: [{ pointer: '/terms_accepted_at' }] } });
    await losing(companiesPath);
    const lost = await addCompany(own.customerId, organisationId);
    await reaches(lost.body.onboarding_id as string, 'in_doubt');
    expect(await addCompany(own.customerId, organisationId)).toMatchObject({
      status: 409,
      body: { code: 'onboarding_open', onboarding_id: lost.body.onboarding_id },
    });
    const without = await resolve(lost.body.onboarding_id as string, { organisation_id: organisationId });
    expect(without).toMatchObject({ status: 422, body: { errors: [{ pointer: '/company_id' }] } });
  });

  it('waits while Sage does not accept the organisation’s key, with nothing created', async () => {
    const begun = await begin();
    const first = await reaches(begun.id, 'ready');
    await fixture.control('POST', '/faults', {
      kind: 'unauthorised',
      match: { path: companiesPath },
      times: 2,
    });
    const answer = await addCompany(begun.customerId, first.organisation_id as string);
    const id = answer.body.onboarding_id as string;
    await until(
      async () =>
        (await fixture.api('GET', `/v1/sage/onboardings/${id}`)).body.reason === 'company_not_accepted',
      { timeoutMs: 30_000, describe: 'the key is not accepted' },
    );
    expect((await organisationsOf(begun))[0]!.companies).toHaveLength(1);
    await reaches(id, 'ready');
    expect((await organisationsOf(begun))[0]!.companies).toHaveLength(2);
  });

  it('is created in an organisation that the Banking Service created, too', async () => {
    const client = fixture.deps.sage!.client;
    const access = await client.createOrganisation({ organisation: { company: { name: 'By one request' } } });
    const { companyId } = await client.createCompany({ access, company: { name: 'Further' } });
    await client.proveAccess({ access: { ...access, companyId } });
  });
});
