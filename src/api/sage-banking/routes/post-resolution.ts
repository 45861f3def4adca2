import { z } from 'zod';
import { transaction, type Queryable } from '../../../db/pool.js';
import { beginAgain, storeResolution } from '../../../db/sage-banking/onboarding-steps.js';
import {
  lockSageOnboarding,
  openOnboardingSecret,
  readOpenOnboarding,
  readSageOnboarding,
  sealOnboardingSecret,
  type SageOnboardingRow,
} from '../../../db/sage-banking/onboardings.js';
import { noCompanyId, readUnclaimedKey } from '../../../db/sage-banking/unclaimed-organisations.js';
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

const forms = [
  'company_id organisation_id signing_key',
  'company_id organisation_id',
  'organisation_id signing_key',
  'organisation_id',
  'not_created',
];

const resolutionBody = z
  .strictObject({
    organisation_id: headerValue.optional(),
    company_id: headerValue.optional().meta({
      description:
        'Without it: the organisation exists and has no company yet. Only for organisations that the Authentication Service creates.',
    }),
    signing_key: headerValue.optional().meta({
      writeOnly: true,
      description:
        "The organisation's signing key. Optional for an organisation whose key is stored: one that the timeline lists as unclaimed, or that of the onboarding.",
    }),
    not_created: z.literal(true).optional(),
  })
  .superRefine((body, context) => {
    const given = Object.keys(body).sort().join(' ');
    if (forms.includes(given)) return;
    const message = 'must be {organisation_id, company_id?, signing_key?} or {not_created: true}';
    context.addIssue({ code: 'custom', message });
  })
  .meta({
    id: 'SageResolutionInput',
    description: 'Either `{organisation_id, company_id?, signing_key?}` or `{not_created: true}`.',
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
    if (organisationId === undefined) {
      if (row.state !== 'in_doubt') throw wrongOnboardingState(row, 'resolve');
      await beginAgain(db, row);
      return null;
    }
    if (companyId === undefined) requireCompanyLater(row);
    const ids = { organisationId, companyId: companyId ?? noCompanyId, customerId: row.customerId };
    const kept = await readUnclaimedKey(db, deps.keyring, ids);
    const signingKey = body.signing_key ?? kept ?? ownKeyOf(deps, row, organisationId);
    if (signingKey === null) throw noKey();
    if (row.state !== 'in_doubt' && (row.state !== 'refused' || kept === null)) {
      throw wrongOnboardingState(row, 'resolve');
    }
    await requireNoOther(db, row);
    const secret = { organisationId, ...(companyId === undefined ? {} : { companyId }), signingKey };
    const resolutionSealed = sealOnboardingSecret(deps.keyring, {
      onboardingId,
      column: 'resolution',
      secret,
    });
    await storeResolution(db, row, { resolutionSealed });
    return resolutionSealed;
  });
}

/** An organisation without its company can only come of a cloud product. @throws {Problem} 422 */
function requireCompanyLater(row: SageOnboardingRow): void {
  if (row.kind === 'cloud' && row.organisationId === null) return;
  const message = 'is required: the organisation of this onboarding is not created without its company';
  throw invalid({ status: 422, code: 'invalid_body', errors: [{ pointer: '/company_id', message }] });
}

/** The key of the organisation in which the onboarding creates a company; null for another one. */
function ownKeyOf(deps: ApiDeps, row: SageOnboardingRow, organisationId: string): string | null {
  const { onboardingId, organisationKeySealed: sealed } = row;
  if (sealed === null || row.organisationId !== organisationId) return null;
  return openOnboardingSecret(deps.keyring, { onboardingId, column: 'organisation_key', sealed }) as string;
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
