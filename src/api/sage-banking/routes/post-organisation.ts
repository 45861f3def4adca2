import { z } from 'zod';
import { readCustomer } from '../../../db/customers.js';
import { transaction } from '../../../db/pool.js';
import { insertSageOnboarding, sealOnboardingSecret } from '../../../db/sage-banking/onboardings.js';
import { describeInstantProblem, parseInstant } from '../../../domain/instant.js';
import { limits } from '../../../domain/limits.js';
import { sageProductKinds, type SageOrganisationOrder } from '../../../domain/sage-banking/onboarding.js';
import { commandIdOf } from '../../await-command.js';
import { defineSageRoute } from '../define-route.js';
import { customerId, nothing, textField } from '../../fields.js';
import { Problem, invalid, notFound } from '../../problem.js';

const bodyBytesMax = 64 * 1024;
/** Tolerance for the clocks of two machines: the terms cannot be accepted in the future. */
const clockSkewMaxMs = 60_000;
const licenceDetailsMax = 20;

const text = textField(limits.nameLengthMax);

const organisationBody = z
  .strictObject({
    customer_id: customerId,
    kind: z.enum(sageProductKinds).meta({
      description:
        'Kind of the Sage product: a cloud product is onboarded at once, a desktop product needs a person.',
    }),
    company: z.strictObject({
      name: text,
      postal_code: text.optional(),
      standard_industrial_code: text.optional(),
      vat_number: text.optional(),
      language_code: text.optional().meta({ example: 'en-GB' }),
    }),
    terms_accepted_at: z.string().meta({
      description: "When the customer accepted Sage's terms: an instant with offset, not in the future.",
      example: '2026-02-01T09:30:00Z',
    }),
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
    'Answers at once; read the onboarding at `Location`. A customer has one open onboarding: while there is one, 409 with its `onboarding_id`. After `ready` another call starts another onboarding, since a customer may have several companies: send an `Idempotency-Key`, or a late repetition of the call creates a second organisation.',
  params: nothing,
  query: nothing,
  body: { schema: organisationBody, bytesMax: bodyBytesMax },
  answers: {
    202: { description: 'Started', schema: z.object({ onboarding_id: z.string().meta({ format: 'uuid' }) }) },
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
    if (stored.kind === 'stored') {
      const headers = { Location: `/v1/sage/onboardings/${onboardingId}` };
      return { status: 202, body: { onboarding_id: onboardingId }, headers };
    }
    throw new Problem({
      status: 409,
      code: 'onboarding_open',
      detail: 'the customer has an open onboarding',
      extra: { onboarding_id: stored.onboardingId, state: stored.state },
    });
  },
});

function readTerms(value: string, nowMs: number): string {
  const parsed = parseInstant({ value, nowMs, futureMaxMs: clockSkewMaxMs });
  if ('instant' in parsed) return parsed.instant;
  const message =
    parsed.problem === 'in_the_future' ? 'is in the future' : describeInstantProblem(parsed.problem, 0);
  throw invalid({
    status: 422,
    code: 'invalid_body',
    errors: [{ pointer: '/terms_accepted_at', message }],
  });
}

/** The request with Sage's member names (contract section 2.3); absent fields are not sent. */
function requestOf(body: OrganisationBody): SageOrganisationOrder {
  const { company, user } = body;
  return {
    company: {
      name: company.name,
      ...(company.postal_code === undefined ? {} : { postalCode: company.postal_code }),
      ...(company.standard_industrial_code === undefined
        ? {}
        : { standardIndustrialCode: company.standard_industrial_code }),
      ...(company.vat_number === undefined ? {} : { vatNumber: company.vat_number }),
      ...(company.language_code === undefined ? {} : { languageCode: company.language_code }),
    },
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
