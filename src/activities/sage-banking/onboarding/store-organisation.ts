import { randomUUID } from 'node:crypto';
import { log } from '@temporalio/activity';
import { organisationErrorCodes } from '../../../clients/sage-banking/assumptions.js';
import type { SageError, SageGone, SageRefused } from '../../../clients/sage-banking/errors.js';
import type { Queryable } from '../../../db/pool.js';
import { readSageCompanyByIds, sealSageSigningKey } from '../../../db/sage-banking/companies.js';
import {
  applyOnboarding,
  recordOnboardingFailure,
  refuseOnboarding,
  markInDoubt,
  storeBareOrganisation,
  storeOnboardedCompany,
  recordUnclaimedOrganisation,
  wantNewCaptcha,
} from '../../../db/sage-banking/onboarding-steps.js';
import { sealOnboardingSecret, type SageOnboardingRow } from '../../../db/sage-banking/onboardings.js';
import { keepUnclaimedOrganisation, noCompanyId } from '../../../db/sage-banking/unclaimed-organisations.js';
import type { SageOnboardingRefusal } from '../../../domain/sage-banking/onboarding.js';
import { captchaAnsweredWrongly } from '../../../domain/sage-banking/transitions.js';
import { untilStored as storedInTime } from '../../until-stored.js';
import {
  again,
  laterEnd,
  notConfigured,
  failureOf,
  underLock,
  providerSays,
  type Failure,
  type StepContext,
  type StepEnd,
} from './step.js';

/**
 * Writes the outcome of the POST that creates an organisation to its row (contract 3.2), identified by the mark of that
 * POST: a late answer ends the unknown outcome, and changes nothing once an operator has resolved it.
 */

/** Storing an answer is retried this long; then the onboarding is `in_doubt`. */
const withinMs = 2 * 60_000;

/** Retries storing an answer, which cannot be requested again. */
export async function untilStored(store: () => Promise<StepEnd>): Promise<StepEnd> {
  return await storedInTime(store, { withinMs });
}

/** What a POST has created: an organisation with its company, a company, or an organisation that has none yet. */
export interface Created {
  readonly organisationId: string;
  readonly companyId?: string;
  readonly signingKey: string;
}

/** 200: the organisation exists; Sage sends its key only in this answer. */
export async function completeAnswer(
  context: StepContext,
  { mark, created }: { mark: string; created: Created },
): Promise<StepEnd> {
  const { deps } = context;
  await complete(context, mark, {
    apply: (db, locked) => storeCreated(context, db, locked, created),
    // Also reached after a commit whose confirmation was lost: then the company is ours.
    tooLate: async (db, locked) => {
      const { organisationId, companyId = noCompanyId, signingKey } = created;
      const isOurs =
        companyId === noCompanyId
          ? locked.organisationId === organisationId
          : (await readSageCompanyByIds(db, { organisationId, companyId })) !== null;
      if (isOurs) return;
      const { onboardingId } = locked;
      const unclaimed = { organisationId, companyId, signingKey, onboardingId };
      await keepUnclaimedOrganisation(db, deps.keyring, unclaimed);
      await recordUnclaimedOrganisation(db, locked, unclaimed);
      log.error('an organisation answered to a request that was given up', {
        onboardingId: locked.onboardingId,
        organisationId: created.organisationId,
      });
    },
  });
  return again;
}

async function storeCreated(
  { deps }: StepContext,
  db: Queryable,
  locked: SageOnboardingRow,
  { organisationId, companyId, signingKey }: Created,
): Promise<void> {
  if (companyId === undefined) {
    const secret = {
      onboardingId: locked.onboardingId,
      column: 'organisation_key',
      secret: signingKey,
    } as const;
    const organisationKeySealed = sealOnboardingSecret(deps.keyring, secret);
    return await storeBareOrganisation(db, locked, { organisationId, organisationKeySealed });
  }
  const connectionId = randomUUID();
  const signingKeySealed = sealSageSigningKey(deps.keyring, { connectionId, signingKey });
  const company = { connectionId, organisationId, companyId, signingKeySealed };
  if (!(await storeOnboardedCompany(db, locked, company))) await refuseOnboarding(db, locked, companyTaken);
}

/** Anything but 200: refused, certainly not sent, or unknown. */
export async function completeRefusal(
  context: StepContext,
  { mark, error }: { mark: string; error: SageError },
): Promise<StepEnd> {
  if (error.kind === 'refused' || error.kind === 'gone') {
    await complete(context, mark, { apply: (db, locked) => applyRefusal(context, db, locked, error) });
    return again;
  }
  if (error.kind === 'not_configured') {
    await complete(context, mark, { apply: (db, locked) => refuseOnboarding(db, locked, notConfigured) });
    return again;
  }
  const failure = failureOfCreate(context.row, error);
  if (failure === null) {
    await complete(context, mark, { apply: unknownOutcome });
    return again;
  }
  // Unreachable, 429, 401: nothing was created, and the same request may be sent again.
  await complete(context, mark, {
    apply: (db, locked) => recordOnboardingFailure(db, locked, { ...failure, notCreated: true }),
  });
  return laterEnd(failure);
}

/** What to retry after; null when the POST may have taken effect. */
function failureOfCreate(row: SageOnboardingRow, error: SageError): Failure | null {
  // The token that the company needs was not answered: the POST itself was never sent.
  const isUnsent = error.operation === 'getAccessToken';
  if (error.kind === 'outcome_unknown' && !isUnsent) return null;
  if (error.kind !== 'unauthorized' || row.organisationId === null) return failureOf(error);
  const message = `The organisation exists, and Sage does not accept its key${providerSays(error.errorMessage)}`;
  return { reason: 'company_not_accepted', message, slowly: true };
}

/** The POST was not sent: its mark is cleared, and the step is repeated. */
export async function forgetUnsent(context: StepContext, mark: string): Promise<StepEnd> {
  await complete(context, mark, {
    apply: (db, locked) =>
      recordOnboardingFailure(db, locked, {
        reason: 'provider_unavailable',
        message: 'The service was too busy to ask Sage.',
        notCreated: true,
      }),
  });
  return laterEnd({ slowly: false });
}

async function complete(
  context: StepContext,
  mark: string,
  input: {
    apply: (db: Queryable, locked: SageOnboardingRow) => Promise<void>;
    tooLate?: (db: Queryable, locked: SageOnboardingRow) => Promise<void>;
  },
): Promise<void> {
  const wasOutcomeUnknown = await underLock(context, async (db, locked) => {
    const isOurs = locked.createSentAt === mark && ['creating', 'in_doubt'].includes(locked.state);
    await (isOurs ? input.apply : input.tooLate)?.(db, locked);
    return isOurs && locked.state === 'in_doubt';
  });
  // Another attempt had set it to `in_doubt`, and the workflow waits for an operator: it can continue.
  if (wasOutcomeUnknown === true) await context.deps.sage?.workflows.onboardingChanged(context.row);
}

async function unknownOutcome(db: Queryable, locked: SageOnboardingRow): Promise<void> {
  if (locked.state === 'in_doubt') return;
  await markInDoubt(db, locked, { message: answerLost(locked, locked.createSentAt ?? '') });
}

/** The message for the operator; the runbook has the details. */
export function answerLost({ organisationId }: SageOnboardingRow, createSentAt: string): string {
  if (organisationId !== null) {
    return (
      `A request to create the company may have gone out at ${createSentAt}, and no answer is known. ` +
      `Nothing is sent again by itself. Find out at Sage whether organisation ${organisationId} has this company ` +
      'since then: if it has, enter organisation id and company id; if not, say so, and it is tried again.'
    );
  }
  return (
    `A request to create the organisation may have gone out at ${createSentAt}, and no answer is known. ` +
    'Nothing is sent again by itself. Find out at Sage whether an organisation was created for this customer ' +
    'since then: if it was, enter its organisation id, company id and signing key; if not, say so, and it is tried again.'
  );
}

const companyTaken = {
  reason: 'company_taken',
  message: 'Sage answered with the ids of a company that is onboarded already.',
} as const;

/** Distinguishes the documented refusals (contract 3.2). */
async function applyRefusal(
  context: StepContext,
  db: Queryable,
  locked: SageOnboardingRow,
  error: SageRefused | SageGone,
): Promise<void> {
  const { httpStatus, errorCode, errorMessage } = error;
  if (httpStatus === 400 && errorCode === organisationErrorCodes.captchaInvalid) {
    return await applyOnboarding(db, locked, captchaAnsweredWrongly(locked));
  }
  if (httpStatus === 404 && locked.kind === 'desktop' && !locked.registeredAgain) {
    return await wantNewCaptcha(db, locked, registrationExpired);
  }
  const reason =
    locked.organisationId === null ? refusalOf(httpStatus, errorCode) : refusalOfCompany(httpStatus);
  const message = sentences[reason](context.sage.settings.organisationLimit) + providerSays(errorMessage);
  const fields = error.fields.map(({ field }) => field);
  await refuseOnboarding(db, locked, {
    reason,
    message,
    detail: { http_status: httpStatus, error_code: errorCode, ...(fields.length === 0 ? {} : { fields }) },
  });
}

type OrganisationRefusal = Exclude<
  SageOnboardingRefusal,
  'captcha_failed' | 'captcha_abandoned' | 'company_taken' | 'not_configured'
>;

function refusalOf(httpStatus: number, errorCode: string | null): OrganisationRefusal {
  switch (httpStatus) {
    case 400:
      return errorCode === organisationErrorCodes.invalidRequest ? 'invalid_request' : 'invalid_customer';
    case 404:
      return 'no_initial_request';
    case 409:
      return 'organisation_limit';
    default:
      return 'provider_refused';
  }
}

/** A company of an organisation that exists: the refusals of organisations do not apply. */
function refusalOfCompany(httpStatus: number): OrganisationRefusal {
  return httpStatus === 400 ? 'invalid_request' : 'provider_refused';
}

/** Without a full stop: Sage's message may follow. */
const sentences: Readonly<Record<OrganisationRefusal, (limit: number | null) => string>> = {
  no_initial_request: () => "Sage's token service knows of no request for this customer",
  invalid_customer: () => 'Sage does not know these details as those of a customer',
  invalid_request: () => 'Sage does not accept the details of the company',
  organisation_limit: (limit) =>
    limit === null
      ? 'The customer has as many organisations as Sage allows in this environment'
      : `Sage allows ${String(limit)} organisation(s) of a customer in this environment, and the customer has as many`,
  provider_refused: () => 'Sage refused to create the organisation',
};

const registrationExpired = {
  reason: 'registration_expired',
  message: "Sage's token service had forgotten the customer: please read the new captcha.",
} as const;
