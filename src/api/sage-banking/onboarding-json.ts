import { z } from 'zod';
import { isStaleCaptcha } from '../../domain/sage-banking/transitions.js';
import { readSageCompanyOfOnboarding } from '../../db/sage-banking/companies.js';
import { readSageOnboarding, type SageOnboardingRow } from '../../db/sage-banking/onboardings.js';
import { sageProductKinds } from '../../domain/sage-banking/onboarding.js';
import { sageOnboardingStates } from '../../domain/sage-banking/states.js';
import type { ApiDeps } from '../deps.js';
import { instant, uuid } from '../fields.js';
import { Problem, notFound } from '../problem.js';

/** Path parameters of everything below one onboarding. */
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
      .meta({ description: 'While `waiting_captcha`: the captcha that a person has to read.' }),
    connection_id: z.string().optional().meta({ format: 'uuid', description: 'Ours, for links.' }),
    organisation_id: z.string().optional(),
    company_id: z.string().optional().meta({ description: "Sage's." }),
    reason: z.string().optional().meta({
      description: 'Why it was refused, or what it waits for; each reason is in the runbook.',
    }),
    message: z.string().optional().meta({ description: 'The reason for people.' }),
    terms_accepted_at: instant,
    created_at: instant,
    updated_at: instant,
  })
  .meta({ id: 'SageOnboarding' });

/** An onboarding in answers: never its licence, nor a key. */
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
      ? {}
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

/** The onboarding. @throws {Problem} 404 */
export async function requireOnboarding(
  deps: ApiDeps,
  input: { onboardingId: string },
): Promise<SageOnboardingRow> {
  const row = await readSageOnboarding(deps.pool, input);
  if (row === null) throw notFound('onboarding');
  return row;
}

/** A 409 that says how the onboarding stands. */
export function wrongOnboardingState(row: SageOnboardingRow, action: string): Problem {
  return new Problem({
    status: 409,
    code: 'wrong_state',
    detail: `an onboarding that is ${row.state} cannot be asked to ${action}`,
    extra: { state: row.state, reason: row.reason },
  });
}
