import { randomUUID } from 'node:crypto';
import { isSageError } from '../../../clients/sage-banking/errors.js';
import { readSageCompanyByIds, sealSageSigningKey } from '../../../db/sage-banking/companies.js';
import {
  finishOnboarding,
  refuseResolution,
  storeBareOrganisation,
  storeOnboardedCompany,
} from '../../../db/sage-banking/onboarding-steps.js';
import { openOnboardingSecret, sealOnboardingSecret } from '../../../db/sage-banking/onboardings.js';
import {
  forgetUnclaimedOrganisation,
  noCompanyId,
} from '../../../db/sage-banking/unclaimed-organisations.js';
import {
  again,
  laterEnd,
  failureOf,
  underLock,
  providerSays,
  type StepContext,
  type StepEnd,
} from './step.js';

/** The ids and the key that an operator found at Sage. */
interface Resolution {
  readonly organisationId: string;
  /** Absent: the organisation exists, and its company does not. */
  readonly companyId?: string;
  readonly signingKey: string;
}

const taken = 'The company with these ids is onboarded already: the ids of another one were entered.';

/**
 * Proves the ids and the key that an operator entered after an answer was lost, before it stores them. May be repeated.
 * While Sage does not answer, the onboarding stays `in_doubt` with what was entered.
 */
export async function resolveUnknownOutcome(
  context: StepContext,
  resolutionSealed: string,
): Promise<StepEnd> {
  const { deps, sage, row, signal } = context;
  const { onboardingId } = row;
  const stored = { onboardingId, column: 'resolution', sealed: resolutionSealed } as const;
  const resolution = openOnboardingSecret(deps.keyring, stored) as Resolution;
  const { organisationId, companyId, signingKey } = resolution;
  const isKnown =
    companyId !== undefined &&
    (await readSageCompanyByIds(deps.pool, { organisationId, companyId })) !== null;
  if (isKnown) {
    return await refuse(context, resolutionSealed, { message: taken, detail: { because: 'company_taken' } });
  }
  try {
    await sage.client.proveAccess({ access: resolution, signal });
  } catch (error) {
    if (!isSageError(error)) throw error;
    const failure = error.kind === 'unauthorized' ? null : failureOf(error);
    if (failure !== null) return laterEnd(failure);
    const said = 'errorMessage' in error ? error.errorMessage : null;
    return await refuse(context, resolutionSealed, {
      message: `Sage does not accept these ids with this key${providerSays(said)}`,
      detail: { http_status: 'httpStatus' in error ? error.httpStatus : null },
    });
  }
  if (companyId === undefined) {
    const secret = { onboardingId, column: 'organisation_key', secret: signingKey } as const;
    const organisationKeySealed = sealOnboardingSecret(deps.keyring, secret);
    await underLock(context, async (db, locked) => {
      if (locked.resolutionSealed !== resolutionSealed) return;
      await storeBareOrganisation(db, locked, { organisationId, organisationKeySealed });
      await forgetUnclaimedOrganisation(db, { organisationId, companyId: noCompanyId });
    });
    return again;
  }
  const connectionId = randomUUID();
  const signingKeySealed = sealSageSigningKey(deps.keyring, { connectionId, signingKey });
  await underLock(context, async (db, locked) => {
    if (locked.resolutionSealed !== resolutionSealed) return;
    const company = { connectionId, organisationId, companyId, signingKeySealed };
    if (await storeOnboardedCompany(db, locked, company)) {
      await finishOnboarding(db, locked, company);
      await forgetUnclaimedOrganisation(db, company);
    } else await refuseResolution(db, locked, { message: taken, detail: { because: 'company_taken' } });
  });
  return again;
}

async function refuse(
  context: StepContext,
  resolutionSealed: string,
  refusal: Parameters<typeof refuseResolution>[2],
): Promise<StepEnd> {
  await underLock(context, async (db, locked) => {
    // Another resolution may have been entered in the meantime.
    if (locked.resolutionSealed === resolutionSealed) await refuseResolution(db, locked, refusal);
  });
  return again;
}
