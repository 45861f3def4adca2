import { z } from 'zod';
import { describeInstantProblem, parseInstant } from '../../domain/instant.js';
import { limits } from '../../domain/limits.js';
import type { SageOrganisationOrder } from '../../domain/sage-banking/onboarding.js';
import { textField } from '../fields.js';
import { invalid } from '../problem.js';

/** Tolerance for the clocks of two machines: the terms cannot be accepted in the future. */
const clockSkewMaxMs = 60_000;

const text = textField(limits.nameLengthMax);

/** A company as a caller orders it. */
export const companyField = z.strictObject({
  name: text,
  postal_code: text.optional(),
  standard_industrial_code: text.optional(),
  vat_number: text.optional(),
  language_code: text.optional().meta({ example: 'en-GB' }),
});

export const termsField = z.string().meta({
  description: "When the customer accepted Sage's terms: an instant with offset, not in the future.",
  example: '2026-02-01T09:30:00Z',
});

/** The company with Sage's member names (contract section 2.3); absent fields are not sent. */
export function companyOrderOf(company: z.output<typeof companyField>): SageOrganisationOrder['company'] {
  return {
    name: company.name,
    ...(company.postal_code === undefined ? {} : { postalCode: company.postal_code }),
    ...(company.standard_industrial_code === undefined
      ? {}
      : { standardIndustrialCode: company.standard_industrial_code }),
    ...(company.vat_number === undefined ? {} : { vatNumber: company.vat_number }),
    ...(company.language_code === undefined ? {} : { languageCode: company.language_code }),
  };
}

/** The instant in UTC. @throws {Problem} 422 */
export function readTerms(value: string, nowMs: number): string {
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
