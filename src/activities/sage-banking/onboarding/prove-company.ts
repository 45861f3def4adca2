import { isSageError } from '../../../clients/sage-banking/errors.js';
import { accessOf, type SageCompanyRow } from '../../../db/sage-banking/companies.js';
import { finishOnboarding } from '../../../db/sage-banking/onboarding-steps.js';
import { again, later, failureOf, underLock, providerSays, type StepContext, type StepEnd } from './step.js';

/**
 * Fetches a token with the new company's own key, then the onboarding is ready (contract 3.1). May be repeated. The
 * organisation exists whatever the outcome, so no failure here refuses the onboarding.
 */
export async function proveCompany(context: StepContext, company: SageCompanyRow): Promise<StepEnd> {
  const { deps, sage, signal } = context;
  try {
    await sage.client.proveAccess({ access: accessOf(deps.keyring, company), signal });
  } catch (error) {
    if (!isSageError(error)) throw error;
    const failure = error.kind === 'unauthorized' ? null : failureOf(error);
    const said = 'errorMessage' in error ? error.errorMessage : null;
    return await later(
      context,
      failure ?? {
        reason: 'company_not_accepted',
        message: `The organisation exists, and Sage does not accept its key${providerSays(said)}`,
        slowly: true,
      },
    );
  }
  await underLock(context, async (db, locked) => {
    if (locked.state === 'creating') await finishOnboarding(db, locked, company);
  });
  return again;
}
