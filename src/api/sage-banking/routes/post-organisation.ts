import { z } from 'zod';
import { readCustomer } from '../../../db/customers.js';
import { transaction } from '../../../db/pool.js';
import { insertSageOnboarding, sealOnboardingSecret } from '../../../db/sage-banking/onboardings.js';
import { limits } from '../../../domain/limits.js';
import { sageProductKinds, type SageOrganisationOrder } from '../../../domain/sage-banking/onboarding.js';
import { commandIdOf } from '../../await-command.js';
import { defineSageRoute } from '../define-route.js';
import { customerId, nothing, textField } from '../../fields.js';
import { notFound } from '../../problem.js';
import { companyField, companyOrderOf, readTerms, termsField } from '../company-fields.js';
import { begunOnboarding, begunOnboardingSchema } from '../onboarding-json.js';

const bodyBytesMax = 64 * 1024;
const licenceDetailsMax = 20;

const text = textField(limits.nameLengthMax);

const organisationBody = z
  .strictObject({
    customer_id: customerId,
    kind: z.enum(sageProductKinds).meta({
      description:
        'Kind of the Sage product: a cloud product is onboarded at once, a desktop product needs a person.',
    }),
    company: companyField,
    terms_accepted_at: termsField,
    crm_id: text.optional(),
    user: z.strictObject({ email_address: text.optional(), identity: text.optional() }).optional(),
    licence_details: z
      .array(z.strictObject({ key: text, value: text }))
      .min(1)
      .max(licenceDetailsMax)
      .optional()
      .meta({
        description: 'With `desktop`, and only there. Stored encrypted until the onboarding ends.',
        writeOnly: true,
      }),
  })
  .superRefine((body, context) => {
    if ((body.kind === 'desktop') === (body.licence_details !== undefined)) return;
    const message =
      body.kind === 'desktop' ? 'is required with a desktop product' : 'is for desktop products only';
    context.addIssue({ code: 'custom', path: ['licence_details'], message });
  })
  .meta({ id: 'SageOrganisationInput' });

type OrganisationBody = z.output<typeof organisationBody>;

/** Starts the onboarding of a customer's company at Sage; its workflow continues from the row. */
export const postSageOrganisation = defineSageRoute({
  method: 'post',
  path: '/v1/sage/organisations',
  roles: ['core'],
  resource: 'customer',
  summary: "Onboard a customer at Sage's Banking Service",
  description:
    'Answers at once; read the onboarding at `Location`. A customer has one open onboarding: while there is one, 409 with its `onboarding_id`. After `ready` another call starts another onboarding, since a customer may have several organisations; a further company of one is created at `/v1/sage/organisations/{organisation_id}/companies`: send an `Idempotency-Key`, or a late repetition of the call creates a second organisation.',
  params: nothing,
  query: nothing,
  body: { schema: organisationBody, bytesMax: bodyBytesMax },
  answers: {
    202: { description: 'Started', schema: begunOnboardingSchema },
  },
  handle: async ({ deps, body, seed }) => {
    const termsAcceptedAt = readTerms(body.terms_accepted_at, deps.nowMs());
    const customer = await readCustomer(deps.pool, { customerId: body.customer_id });
    if (customer === null) throw notFound('customer');
    const onboardingId = commandIdOf(seed);
    const { licence_details: secret } = body;
    const stored = await transaction(deps.pool, (db) =>
      insertSageOnboarding(db, {
        onboardingId,
        customerId: customer.customerId,
        kind: body.kind,
        termsAcceptedAt,
        request: requestOf(body),
        licenceSealed:
          secret === undefined
            ? null
            : sealOnboardingSecret(deps.keyring, { onboardingId, column: 'licence', secret }),
      }),
    );
    // Also for an onboarding that is already open: its own start may have been lost.
    await deps.sage.startOnboarding({
      onboardingId: stored.kind === 'stored' ? onboardingId : stored.onboardingId,
    });
    return begunOnboarding(onboardingId, stored);
  },
});

/** The request with Sage's member names (contract section 2.3); absent fields are not sent. */
function requestOf(body: OrganisationBody): SageOrganisationOrder {
  const { company, user } = body;
  return {
    company: companyOrderOf(company),
    ...(body.crm_id === undefined ? {} : { crmId: body.crm_id }),
    ...(user === undefined
      ? {}
      : {
          user: {
            ...(user.email_address === undefined ? {} : { emailAddress: user.email_address }),
            ...(user.identity === undefined ? {} : { identity: user.identity }),
          },
        }),
  };
}
