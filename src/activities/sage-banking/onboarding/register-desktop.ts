import type { SageLicenceDetails } from '../../../clients/sage-banking/client.js';
import { isSageError } from '../../../clients/sage-banking/errors.js';
import { refuseOnboarding, showCaptcha } from '../../../db/sage-banking/onboarding-steps.js';
import { openOnboardingSecret, type SageOnboardingRow } from '../../../db/sage-banking/onboardings.js';
import type { SageBankingDeps } from '../deps.js';
import {
  again,
  later,
  notConfigured,
  failureOf,
  underLock,
  providerSays,
  type StepContext,
  type StepEnd,
} from './step.js';

/**
 * Registers a desktop customer at the token service and fetches a captcha (contract 3.2). Both may be repeated: a
 * registration is renewed, and a captcha that was not shown expires. Every captcha follows a new registration, so that no
 * captcha outlives its registration.
 */
export async function registerDesktop(context: StepContext): Promise<StepEnd> {
  const { deps, sage, row, signal } = context;
  try {
    await sage.client.requestToken({ licenceDetails: licenceOf(deps, row), signal });
    const captcha = await sage.client.getCaptcha({ signal });
    await underLock(context, async (db, locked) => {
      if (locked.state === 'registering') await showCaptcha(db, locked, captcha);
    });
    return again;
  } catch (error) {
    const failure = failureOf(error);
    if (failure !== null) return await later(context, failure);
    if (!isSageError(error)) throw error;
    if (error.kind === 'not_configured') return await refuse(context, notConfigured);
    if (!('httpStatus' in error)) throw error;
    const { httpStatus = null } = error;
    const said = 'errorMessage' in error ? error.errorMessage : null;
    return await refuse(context, {
      reason: httpStatus === 400 ? 'invalid_request' : 'provider_refused',
      message: `Sage's token service refuses the licence details${providerSays(said)}`,
      detail: { http_status: httpStatus },
    });
  }
}

/** The licence details of the request; the same at every step. @throws UnsealError */
export function licenceOf(
  deps: Pick<SageBankingDeps, 'keyring'>,
  row: SageOnboardingRow,
): SageLicenceDetails {
  const { onboardingId, licenceSealed } = row;
  if (licenceSealed === null) return [];
  const stored = { onboardingId, column: 'licence', sealed: licenceSealed } as const;
  return openOnboardingSecret(deps.keyring, stored) as SageLicenceDetails;
}

async function refuse(
  context: StepContext,
  refusal: Parameters<typeof refuseOnboarding>[2],
): Promise<StepEnd> {
  await underLock(context, async (db, locked) => {
    if (locked.state === 'registering') await refuseOnboarding(db, locked, refusal);
  });
  return again;
}
