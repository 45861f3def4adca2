import type { SageOrganisationInput } from '../../../clients/sage-banking/client.js';
import { isSageError } from '../../../clients/sage-banking/errors.js';
import { markCreateSent, markInDoubt, wantNewCaptcha } from '../../../db/sage-banking/onboarding-steps.js';
import type { SageOnboardingRow } from '../../../db/sage-banking/onboardings.js';
import { captchaGoodForMs } from '../../../domain/sage-banking/onboarding.js';
import { licenceOf } from './register-desktop.js';
import {
  answerLost,
  forgetUnsent,
  completeAnswer,
  completeRefusal,
  untilStored,
} from './store-organisation.js';
import { again, underLock, type StepContext, type StepEnd } from './step.js';

/**
 * The POST that creates the organisation (contract 2.3): at most once, since nothing checks up what came of it and
 * production allows one organisation a customer. That it may go out is committed before it does, and cleared only with
 * its answer: whoever finds the mark without an answer sends nothing and puts the onboarding in doubt. Only a POST that
 * surely changed nothing (never sent, or refused) may be followed by another.
 */

/** A process that stood still for longer than this between its mark and its POST sends nothing: others have gone on. */
const sentWithinMs = 5_000;

export async function createOrganisation(context: StepContext): Promise<StepEnd> {
  const { deps, sage, row } = context;
  // Opened before the mark: a key that is missing must leave no doubt behind.
  const licence = row.kind === 'desktop' ? licenceOf(deps, row) : null;
  const began = clocks();
  const begun = await underLock(context, async (db, locked) => {
    if (locked.state !== 'creating') return null;
    if (locked.createSentAt !== null) {
      await markInDoubt(db, locked, { message: answerLost(locked.createSentAt) });
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
  if (sinceMs(began) > sentWithinMs) return await forgetUnsent(context, mark);
  let answer;
  try {
    // Without the activity's signal: a POST under way is never cut off, or its answer would be lost.
    answer = await sage.client.createOrganisation({ organisation: organisationOf(locked, licence) });
  } catch (error) {
    // A bug on the way leaves the mark: the next attempt finds it.
    if (!isSageError(error)) throw error;
    return await untilStored(() => completeRefusal(context, { mark, error }));
  }
  const created = answer;
  return await untilStored(() => completeAnswer(context, { mark, created }));
}

interface Clocks {
  readonly runningMs: number;
  readonly wallMs: number;
}

function clocks(): Clocks {
  return { runningMs: performance.now(), wallMs: Date.now() };
}

/** The longer of two: one clock stands still with a suspended machine, the other can be set back. */
function sinceMs(began: Clocks): number {
  const now = clocks();
  return Math.max(now.runningMs - began.runningMs, now.wallMs - began.wallMs);
}

/** Whether somebody has read a captcha that Sage still knows. */
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

const captchaExpired = {
  reason: 'captcha_expired',
  message: 'The captcha was too old when it was answered: please read the new one.',
} as const;
