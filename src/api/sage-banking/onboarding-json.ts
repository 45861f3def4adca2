import { z } from 'zod';
import { isStaleCaptcha } from '../../domain/sage-banking/transitions.js';
import { readSageCompanyOfOnboarding } from '../../db/sage-banking/companies.js';
import {
  readSageOnboarding,
  type InsertedSageOnboarding,
  type SageOnboardingRow,
} from '../../db/sage-banking/onboardings.js';
import { sageProductKinds } from '../../domain/sage-banking/onboarding.js';
import { sageOnboardingStates } from '../../domain/sage-banking/states.js';
import type { ApiDeps } from '../deps.js';
import type { RouteAnswer } from '../define-route.js';
import { instant, uuid } from '../fields.js';
import { Problem, notFound } from '../problem.js';

/** Path parameters of the routes below one onboarding. */
export const onboardingParams = z.strictObject({ onboarding_id: uuid });

export const onboardingSchema = z
  .object({
    onboarding_id: z.string().meta({ format: 'uuid' }),
    customer_id: z.string(),
    kind: z.enum(sageProductKinds),
    state: z.enum(sageOnboardingStates),
    captcha: z
      .object({ captcha_id: z.string(), image: z.string().meta({ description: 'A data URL.' }) })
      .optional()
      .meta({ description: 'In the state `waiting_captcha`: the image that a person has to read.' }),
    connection_id: z
      .string()
      .optional()
      .meta({ format: 'uuid', description: 'The id of the connection, for links.' }),
    organisation_id: z.string().optional(),
    company_id: z.string().optional().meta({ description: "Sage's id." }),
    reason: z.string().optional().meta({
      description: 'Why it was refused, or what it waits for; the runbook explains each reason.',
    }),
    message: z.string().optional().meta({ description: 'The reason, for display.' }),
    terms_accepted_at: instant,
    created_at: instant,
    updated_at: instant,
  })
  .meta({ id: 'SageOnboarding' });

/** An onboarding as JSON, without its licence and keys. */
export async function onboardingJson(deps: ApiDeps, row: SageOnboardingRow) {
  const company = await readSageCompanyOfOnboarding(deps.pool, row);
  const { captchaId, captchaImage } = row;
  const isShown = row.state === 'waiting_captcha' && !isStaleCaptcha(row);
  return {
    onboarding_id: row.onboardingId,
    customer_id: row.customerId,
    kind: row.kind,
    state: row.state,
    ...(isShown ? { captcha: { captcha_id: captchaId, image: captchaImage } } : {}),
    ...(company === null
      ? row.organisationId === null
        ? {}
        : { organisation_id: row.organisationId }
      : {
          connection_id: company.connectionId,
          organisation_id: company.organisationId,
          company_id: company.companyId,
        }),
    ...(row.reason === null ? {} : { reason: row.reason }),
    ...(row.message === null ? {} : { message: row.message }),
    terms_accepted_at: row.termsAcceptedAt,
    created_at: row.createdAt,
    updated_at: row.updatedAt,
  };
}

export const begunOnboardingSchema = z.object({ onboarding_id: z.string().meta({ format: 'uuid' }) });

/** The answer of a call that began an onboarding. @throws {Problem} 409 when the customer has another open one */
export function begunOnboarding(onboardingId: string, stored: InsertedSageOnboarding): RouteAnswer {
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
}

/** The onboarding. @throws {Problem} 404 */
export async function requireOnboarding(
  deps: ApiDeps,
  input: { onboardingId: string },
): Promise<SageOnboardingRow> {
  const row = await readSageOnboarding(deps.pool, input);
  if (row === null) throw notFound('onboarding');
  return row;
}

/** A 409 with the state of the onboarding. */
export function wrongOnboardingState(row: SageOnboardingRow, action: string): Problem {
  return new Problem({
    status: 409,
    code: 'wrong_state',
    detail: `an onboarding in the state ${row.state} does not allow ${action}`,
    extra: { state: row.state, reason: row.reason },
  });
}
