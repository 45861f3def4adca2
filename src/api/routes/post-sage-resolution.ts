import { z } from 'zod';
import { transaction } from '../../db/pool.js';
import { beginAgain, wantResolution } from '../../db/sage-onboarding-steps.js';
import { lockSageOnboarding, readSageOnboarding, sealOnboardingSecret } from '../../db/sage-onboardings.js';
import { limits } from '../../domain/limits.js';
import { defineRoute } from '../define-route.js';
import type { ApiDeps } from '../deps.js';
import { nothing } from '../fields.js';
import { pollRow } from '../poll-row.js';
import { Problem, notFound } from '../problem.js';
import { requireSage } from '../require-sage.js';
import {
  onboardingJson,
  onboardingParams,
  onboardingSchema,
  wrongOnboardingState,
} from '../sage-onboarding-json.js';

const bodyBytesMax = 64 * 1024;
/** So long the call waits for Sage to accept the ids and the key. */
const provenWithinMs = 20_000;

/** Ids go into headers as they are. */
const word = z
  .string()
  .regex(/^[\x21-\x7e]+$/, 'must be visible ASCII characters')
  .max(limits.idLengthMax);

const resolutionBody = z
  .strictObject({
    organisation_id: word.optional(),
    company_id: word.optional(),
    signing_key: word.optional().meta({ writeOnly: true, description: "The organisation's own." }),
    not_created: z.literal(true).optional(),
  })
  .superRefine((body, context) => {
    const given = Object.keys(body).sort().join(' ');
    if (['company_id organisation_id signing_key', 'not_created'].includes(given)) return;
    const message = 'must be {organisation_id, company_id, signing_key} or {not_created: true}';
    context.addIssue({ code: 'custom', message });
  })
  .meta({
    id: 'SageResolutionInput',
    description: 'Either `{organisation_id, company_id, signing_key}` or `{not_created: true}`.',
  });

/** An operator has found out what came of the request whose answer was lost. */
export const postSageResolution = defineRoute({
  method: 'post',
  path: '/v1/sage/onboardings/{onboarding_id}/resolve',
  roles: ['ops'],
  resource: 'onboarding',
  summary: 'End the doubt about an organisation',
  description:
    'Ids and key are proven at Sage before they count: when Sage does not accept them, 422, and the doubt stays. `not_created` sends the order again, so be sure: an organisation that exists all the same is then a second one.',
  params: onboardingParams,
  query: nothing,
  body: { schema: resolutionBody, bytesMax: bodyBytesMax },
  answers: {
    200: { description: 'Resolved', schema: onboardingSchema },
    202: { description: 'Sage has not answered yet; it is tried on', schema: onboardingSchema },
  },
  handle: async ({ deps, params, body }) => {
    const sage = requireSage(deps);
    const onboardingId = params.onboarding_id;
    const resolutionSealed = await store(deps, onboardingId, body);
    await sage.onboardingChanged({ onboardingId });
    const row = await pollRow({
      read: () => readSageOnboarding(deps.pool, { onboardingId }),
      done: (now) => resolutionSealed === null || now?.resolutionSealed !== resolutionSealed,
      timeoutMs: provenWithinMs,
    });
    if (row === null) throw notFound('onboarding');
    const isProven = row.state !== 'in_doubt' || row.resolutionSealed === resolutionSealed;
    if (isProven) {
      return { status: row.state === 'in_doubt' ? 202 : 200, body: await onboardingJson(deps, row) };
    }
    if (row.resolutionSealed !== null) {
      throw new Problem({
        status: 409,
        code: 'resolution_replaced',
        detail: 'another resolution was entered meanwhile',
      });
    }
    throw new Problem({
      status: 422,
      code: 'resolution_refused',
      detail: row.message ?? 'Sage does not accept these ids with this key',
    });
  },
});

/** Writes down what was found out. Answers the sealed ids and key, null when there are none. */
async function store(
  deps: ApiDeps,
  onboardingId: string,
  body: z.output<typeof resolutionBody>,
): Promise<string | null> {
  const secret = {
    organisationId: body.organisation_id,
    companyId: body.company_id,
    signingKey: body.signing_key,
  };
  return await transaction(deps.pool, async (db) => {
    const row = await lockSageOnboarding(db, { onboardingId });
    if (row === null) throw notFound('onboarding');
    if (row.state !== 'in_doubt') throw wrongOnboardingState(row, 'resolve');
    if (body.not_created === true) {
      await beginAgain(db, row);
      return null;
    }
    const resolutionSealed = sealOnboardingSecret(deps.keyring, {
      onboardingId,
      column: 'resolution',
      secret,
    });
    await wantResolution(db, row, { resolutionSealed });
    return resolutionSealed;
  });
}
