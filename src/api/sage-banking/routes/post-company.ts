import { z } from 'zod';
import { readCustomer } from '../../../db/customers.js';
import { transaction } from '../../../db/pool.js';
import { accessOf, listSageCompanies, type SageCompanyRow } from '../../../db/sage-banking/companies.js';
import {
  insertSageOnboarding,
  readSageOnboarding,
  sealOnboardingSecret,
} from '../../../db/sage-banking/onboardings.js';
import { commandIdOf } from '../../await-command.js';
import type { ApiDeps } from '../../deps.js';
import { customerId, idField, nothing } from '../../fields.js';
import { invalid, notFound } from '../../problem.js';
import { companyField, companyOrderOf, readTerms, termsField } from '../company-fields.js';
import { defineSageRoute } from '../define-route.js';
import { begunOnboarding, begunOnboardingSchema } from '../onboarding-json.js';

const bodyBytesMax = 64 * 1024;

const companyBody = z
  .strictObject({
    customer_id: customerId,
    company: companyField,
    terms_accepted_at: termsField.optional().meta({
      description: "Default: when the customer accepted Sage's terms for the organisation.",
    }),
  })
  .meta({ id: 'SageCompanyInput' });

/** Creates a further company in an organisation of the customer; its workflow continues from the row. */
export const postSageCompany = defineSageRoute({
  method: 'post',
  path: '/v1/sage/organisations/{organisation_id}/companies',
  roles: ['core'],
  resource: 'customer or organisation',
  summary: 'Create a further company in an organisation',
  description:
    'Answers at once with an onboarding, to be read at `Location`; no licence and no captcha are needed. The organisation is one that the customer was onboarded to here. A customer has one open onboarding: while there is one, 409 with its `onboarding_id`. Send an `Idempotency-Key`, or a late repetition of the call creates a second company.',
  params: z.strictObject({ organisation_id: idField("Sage's id.") }),
  query: nothing,
  body: { schema: companyBody, bytesMax: bodyBytesMax },
  answers: {
    202: { description: 'Started', schema: begunOnboardingSchema },
  },
  handle: async ({ deps, params, body, seed }) => {
    const customer = await readCustomer(deps.pool, { customerId: body.customer_id });
    if (customer === null) throw notFound('customer');
    const company = await requireOrganisation(deps, { ...customer, organisationId: params.organisation_id });
    const termsAcceptedAt =
      body.terms_accepted_at === undefined
        ? await requireEarlierTerms(deps, company)
        : readTerms(body.terms_accepted_at, deps.nowMs());
    const onboardingId = commandIdOf(seed);
    const { organisationId, signingKey: secret } = accessOf(deps.keyring, company);
    const organisationKeySealed = sealOnboardingSecret(deps.keyring, {
      onboardingId,
      column: 'organisation_key',
      secret,
    });
    const stored = await transaction(deps.pool, (db) =>
      insertSageOnboarding(db, {
        onboardingId,
        customerId: customer.customerId,
        kind: 'cloud',
        termsAcceptedAt,
        request: { company: companyOrderOf(body.company) },
        licenceSealed: null,
        organisation: { organisationId, organisationKeySealed },
      }),
    );
    // Also for an onboarding that is already open: its own start may have been lost.
    await deps.sage.startOnboarding({
      onboardingId: stored.kind === 'stored' ? onboardingId : stored.onboardingId,
    });
    return begunOnboarding(onboardingId, stored);
  },
});

/** A company of the customer in this organisation, for its key. @throws {Problem} 404 */
async function requireOrganisation(
  deps: ApiDeps,
  input: { customerId: string; organisationId: string },
): Promise<SageCompanyRow> {
  const companies = await listSageCompanies(deps.pool, input);
  const company = companies.find(({ organisationId }) => organisationId === input.organisationId);
  if (company === undefined) throw notFound('organisation');
  return company;
}

/** @throws {Problem} 422 when it is not known here */
async function requireEarlierTerms(deps: ApiDeps, { onboardingId }: SageCompanyRow): Promise<string> {
  const onboarding = onboardingId === null ? null : await readSageOnboarding(deps.pool, { onboardingId });
  if (onboarding !== null) return onboarding.termsAcceptedAt;
  const message = 'is required: it is not known when the terms were accepted for the organisation';
  throw invalid({ status: 422, code: 'invalid_body', errors: [{ pointer: '/terms_accepted_at', message }] });
}
