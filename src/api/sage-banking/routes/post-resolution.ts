import { z } from 'zod';
import { transaction, type Queryable } from '../../../db/pool.js';
import { beginAgain, storeResolution } from '../../../db/sage-banking/onboarding-steps.js';
import {
  lockSageOnboarding,
  readOpenOnboarding,
  readSageOnboarding,
  sealOnboardingSecret,
  type SageOnboardingRow,
} from '../../../db/sage-banking/onboardings.js';
import { readUnclaimedKey } from '../../../db/sage-banking/unclaimed-organisations.js';
import { limits } from '../../../domain/limits.js';
import { defineSageRoute } from '../define-route.js';
import type { ApiDeps } from '../../deps.js';
import { nothing } from '../../fields.js';
import { pollRow } from '../../poll-row.js';
import { Problem, invalid, notFound } from '../../problem.js';
import {
  onboardingJson,
  onboardingParams,
  onboardingSchema,
  wrongOnboardingState,
} from '../onboarding-json.js';

const bodyBytesMax = 64 * 1024;
/** The longest that the call waits for Sage to accept the ids and the key. */
const acceptedWithinMs = 20_000;

/** Ids are sent in headers unchanged. */
const headerValue = z
  .string()
  .regex(/^[\x21-\x7e]+$/, 'must be visible ASCII characters')
  .max(limits.idLengthMax);

const resolutionBody = z
  .strictObject({
    organisation_id: headerValue.optional(),
    company_id: headerValue.optional(),
    signing_key: headerValue.optional().meta({
      writeOnly: true,
      description:
        "The organisation's signing key. Optional for an organisation that the timeline lists as unclaimed: its key is stored.",
    }),
    not_created: z.literal(true).optional(),
  })
  .superRefine((body, context) => {
    const given = Object.keys(body).sort().join(' ');
    const forms = ['company_id organisation_id signing_key', 'company_id organisation_id', 'not_created'];
    if (forms.includes(given)) return;
    const message = 'must be {organisation_id, company_id, signing_key} or {not_created: true}';
    context.addIssue({ code: 'custom', message });
  })
  .meta({
    id: 'SageResolutionInput',
    description: 'Either `{organisation_id, company_id, signing_key}` or `{not_created: true}`.',
  });

/** Resolves the unknown outcome of a request whose answer was lost, with what an operator found out. */
export const postSageResolution = defineSageRoute({
  method: 'post',
  path: '/v1/sage/onboardings/{onboarding_id}/resolve',
  roles: ['ops'],
  resource: 'onboarding',
  summary: 'Resolve the unknown outcome of an onboarding',
  description:
    'Ids and key are checked at Sage before they are used: when Sage does not accept them, the call is 422 and the onboarding stays `in_doubt`. An onboarding that was `refused` can be resolved with the ids of an organisation whose answer arrived late (`sage_organisation_unclaimed` on the timeline). `not_created` sends the request again, so be certain: if the organisation does exist, this creates a second one.',
  params: onboardingParams,
  query: nothing,
  body: { schema: resolutionBody, bytesMax: bodyBytesMax },
  answers: {
    200: { description: 'Resolved', schema: onboardingSchema },
    202: { description: 'Sage has not answered yet; the check is retried', schema: onboardingSchema },
  },
  handle: async ({ deps, params, body }) => {
    const onboardingId = params.onboarding_id;
    const resolutionSealed = await store(deps, onboardingId, body);
    await deps.sage.onboardingChanged({ onboardingId });
    const row = await pollRow({
      read: () => readSageOnboarding(deps.pool, { onboardingId }),
      done: (now) => resolutionSealed === null || now?.resolutionSealed !== resolutionSealed,
      timeoutMs: acceptedWithinMs,
    });
    if (row === null) throw notFound('onboarding');
    const isAccepted = row.state !== 'in_doubt' || row.resolutionSealed === resolutionSealed;
    if (isAccepted) {
      return { status: row.state === 'in_doubt' ? 202 : 200, body: await onboardingJson(deps, row) };
    }
    if (row.resolutionSealed !== null) {
      throw new Problem({
        status: 409,
        code: 'resolution_replaced',
        detail: 'another resolution has replaced this one',
      });
    }
    throw new Problem({
      status: 422,
      code: 'resolution_refused',
      detail: row.message ?? 'Sage does not accept these ids with this key',
    });
  },
});

/** Stores the resolution. Answers the sealed ids and key, or null when there are none. */
async function store(
  deps: ApiDeps,
  onboardingId: string,
  body: z.output<typeof resolutionBody>,
): Promise<string | null> {
  return await transaction(deps.pool, async (db) => {
    const row = await lockSageOnboarding(db, { onboardingId });
    if (row === null) throw notFound('onboarding');
    const { organisation_id: organisationId, company_id: companyId } = body;
    if (organisationId === undefined || companyId === undefined) {
      if (row.state !== 'in_doubt') throw wrongOnboardingState(row, 'resolve');
      await beginAgain(db, row);
      return null;
    }
    const ids = { organisationId, companyId, customerId: row.customerId };
    const kept = await readUnclaimedKey(db, deps.keyring, ids);
    const signingKey = body.signing_key ?? kept;
    if (signingKey === null) throw noKey();
    if (row.state !== 'in_doubt' && (row.state !== 'refused' || kept === null)) {
      throw wrongOnboardingState(row, 'resolve');
    }
    await requireNoOther(db, row);
    const secret = { organisationId, companyId, signingKey };
    const resolutionSealed = sealOnboardingSecret(deps.keyring, {
      onboardingId,
      column: 'resolution',
      secret,
    });
    await storeResolution(db, row, { resolutionSealed });
    return resolutionSealed;
  });
}

function noKey(): Problem {
  const message = 'is required: no key is stored of an organisation with these ids';
  return invalid({ status: 422, code: 'invalid_body', errors: [{ pointer: '/signing_key', message }] });
}

/** An onboarding is reopened only when the customer has no other open one. @throws {Problem} 409 */
async function requireNoOther(db: Queryable, row: SageOnboardingRow): Promise<void> {
  const open = await readOpenOnboarding(db, row);
  if (open === null || open.onboardingId === row.onboardingId) return;
  throw new Problem({
    status: 409,
    code: 'onboarding_open',
    detail: 'the customer has another open onboarding',
    extra: { onboarding_id: open.onboardingId },
  });
}
