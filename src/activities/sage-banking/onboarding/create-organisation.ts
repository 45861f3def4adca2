import type { SageOrganisationInput } from '../../../clients/sage-banking/client.js';
import { isSageError } from '../../../clients/sage-banking/errors.js';
import { markCreateSent, markInDoubt, wantNewCaptcha } from '../../../db/sage-banking/onboarding-steps.js';
import { openOnboardingSecret, type SageOnboardingRow } from '../../../db/sage-banking/onboardings.js';
import { captchaGoodForMs } from '../../../domain/sage-banking/onboarding.js';
import { captchaExpired } from '../../../domain/sage-banking/transitions.js';
import { licenceOf } from './register-desktop.js';
import {
  answerLost,
  forgetUnsent,
  completeAnswer,
  completeRefusal,
  type Created,
  untilStored,
} from './store-organisation.js';
import { again, underLock, type StepContext, type StepEnd } from './step.js';

/**
 * The POST that creates the organisation, its company, or both (contract 2.3): sent at most once, since its outcome cannot be read back and
 * production allows one organisation per customer. A mark is committed before the POST and cleared only with its answer: an
 * attempt that finds the mark without an answer sends nothing and sets the onboarding to `in_doubt`. Another POST may follow
 * only one that certainly changed nothing (never sent, or refused).
 */

/** A process that was suspended for longer than this between mark and POST sends nothing: another may have taken over. */
const sendWithinMs = 5_000;

export async function createOrganisation(context: StepContext): Promise<StepEnd> {
  const { deps, row } = context;
  // Opened before the mark: a missing key must not cause an unknown outcome.
  const licence = row.kind === 'desktop' ? licenceOf(deps, row) : null;
  const began = clocks();
  const begun = await underLock(context, async (db, locked) => {
    if (locked.state !== 'creating') return null;
    if (locked.createSentAt !== null) {
      await markInDoubt(db, locked, { message: answerLost(locked, locked.createSentAt) });
      return null;
    }
    if (locked.kind === 'desktop' && !isFresh(locked)) {
      await wantNewCaptcha(db, locked, captchaExpired);
      return null;
    }
    return { locked, mark: await markCreateSent(db, locked) };
  });
  if (begun === null) return again;
  const { locked, mark } = begun;
  if (sinceMs(began) > sendWithinMs) return await forgetUnsent(context, mark);
  let answer: Created;
  try {
    // Without the activity's signal: a POST in progress is never aborted, since its answer would be lost.
    answer = await send(context, locked, licence);
  } catch (error) {
    // After a bug the mark remains: the next attempt finds it.
    if (!isSageError(error)) throw error;
    return await untilStored(() => completeRefusal(context, { mark, error }));
  }
  const created = answer;
  return await untilStored(() => completeAnswer(context, { mark, created }));
}

/** Sends what is missing: the company of an organisation that exists, the organisation alone, or both. */
async function send(
  { deps, sage }: StepContext,
  row: SageOnboardingRow,
  licence: ReturnType<typeof licenceOf> | null,
): Promise<Created> {
  const { client, settings } = sage;
  const { onboardingId, organisationId, organisationKeySealed: sealed } = row;
  if (organisationId !== null && sealed !== null) {
    const secret = { onboardingId, column: 'organisation_key', sealed } as const;
    const signingKey = openOnboardingSecret(deps.keyring, secret) as string;
    const access = { organisationId, signingKey };
    const { companyId } = await client.createCompany({ access, company: row.request.company });
    return { ...access, companyId };
  }
  if (row.kind === 'cloud' && settings.organisationRoute === 'authentication_service') {
    const organisation = row.request;
    return await client.createBareOrganisation({ organisation, externalId: onboardingId });
  }
  return await client.createOrganisation({ organisation: organisationOf(row, licence) });
}

interface Clocks {
  readonly runningMs: number;
  readonly wallMs: number;
}

function clocks(): Clocks {
  return { runningMs: performance.now(), wallMs: Date.now() };
}

/** The longer of two times: one clock stops while the machine is suspended, the other can be set back. */
function sinceMs(began: Clocks): number {
  const now = clocks();
  return Math.max(now.runningMs - began.runningMs, now.wallMs - began.wallMs);
}

/** Whether the captcha was answered and Sage still accepts it. */
function isFresh(row: SageOnboardingRow): boolean {
  return row.captchaText !== null && row.captchaAgeMs !== null && row.captchaAgeMs < captchaGoodForMs;
}

function organisationOf(
  row: SageOnboardingRow,
  licence: ReturnType<typeof licenceOf> | null,
): SageOrganisationInput {
  if (licence === null) return row.request;
  const { captchaId, captchaText } = row;
  return {
    ...row.request,
    desktop: { licenceDetails: licence, captchaId: captchaId ?? '', captchaText: captchaText ?? '' },
  };
}
