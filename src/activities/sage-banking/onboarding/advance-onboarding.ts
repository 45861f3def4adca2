import { cancellationSignal } from '@temporalio/activity';
import { readSageCompanyOfOnboarding } from '../../../db/sage-banking/companies.js';
import { recordOnboardingFailure, refuseOnboarding } from '../../../db/sage-banking/onboarding-steps.js';
import { readSageOnboarding, type SageOnboardingRow } from '../../../db/sage-banking/onboardings.js';
import {
  captchaAbandonedAfterMs,
  type SageOnboardingReason,
} from '../../../domain/sage-banking/onboarding.js';
import type { SageOnboardingState } from '../../../domain/sage-banking/states.js';
import type { SageBankingDeps } from '../deps.js';
import { Obsolete } from '../../failures.js';
import { createOrganisation } from './create-organisation.js';
import { proveCompany } from './prove-company.js';
import { registerDesktop } from './register-desktop.js';
import { resolveUnknownOutcome } from './resolve-unknown-outcome.js';
import { again, underLock, type StepContext, type StepEnd } from './step.js';
import { whileHeartbeating } from '../../while-heartbeating.js';

/*
 * The next step of an onboarding at Sage's Banking Service (contract 2.3, 3), by the state of its row. A repeat is safe:
 * every step but one may be repeated, and the POST that creates an organisation is marked in its row before it is sent
 * (`create-organisation.ts`). Refusals and transient failures of Sage are written to the row, not thrown. Failures: DatabaseUnavailable, Unexpected (retried); Obsolete.
 */

export interface AdvanceOnboardingInput {
  readonly onboardingId: string;
}

export interface AdvanceOnboardingResult {
  readonly customerId: string;
  /** The state of the row after the step. */
  readonly state: SageOnboardingState;
  readonly reason: SageOnboardingReason | null;
  readonly next: StepEnd['next'];
  /** With `later`: a retry within minutes cannot help. */
  readonly slowly: boolean;
  /** With `wait`: at most this long; with `later`: at least this long. */
  readonly waitMs: number | null;
}

export function sageAdvanceOnboarding(deps: SageBankingDeps) {
  return async (input: AdvanceOnboardingInput): Promise<AdvanceOnboardingResult> => {
    const row = await readSageOnboarding(deps.pool, input);
    if (row === null) throw new Obsolete('the onboarding does not exist');
    const signal = cancellationSignal();
    const end = await whileHeartbeating(() => advance({ deps, row, signal }));
    const after = (await readSageOnboarding(deps.pool, input)) ?? row;
    return {
      customerId: row.customerId,
      state: after.state,
      reason: after.reason,
      next: isOver(after) ? 'over' : end.next,
      slowly: end.next === 'later' && end.slowly,
      waitMs: waitOf(end),
    };
  };
}

async function advance(input: Omit<StepContext, 'sage'>): Promise<StepEnd> {
  const { deps, row } = input;
  if (isOver(row)) return { next: 'over' };
  if (deps.sage === null) return await channelDisabled(input);
  const context = { ...input, sage: deps.sage };
  switch (row.state) {
    case 'registering':
      return await registerDesktop(context);
    case 'waiting_captcha':
      return await waitForPerson(context);
    case 'creating': {
      const company = await readSageCompanyOfOnboarding(deps.pool, row);
      return company === null ? await createOrganisation(context) : await proveCompany(context, company);
    }
    case 'in_doubt':
      if (row.resolutionSealed === null) return { next: 'wait', waitMs: null };
      return await resolveUnknownOutcome(context, row.resolutionSealed);
    case 'ready':
    case 'refused':
      return { next: 'over' };
  }
}

function isOver(row: SageOnboardingRow): boolean {
  return row.state === 'ready' || row.state === 'refused';
}

function waitOf(end: StepEnd): number | null {
  switch (end.next) {
    case 'wait':
      return end.waitMs;
    case 'later':
      return end.retryAfterMs ?? null;
    case 'again':
    case 'over':
      return null;
  }
}

/** The captcha waits for a person to read it, for a limited time. */
async function waitForPerson(context: StepContext): Promise<StepEnd> {
  const leftMs = captchaAbandonedAfterMs - context.row.unattendedMs;
  if (leftMs > 0) return { next: 'wait', waitMs: Math.ceil(leftMs) };
  await underLock(context, async (db, locked) => {
    const isAbandoned = locked.state === 'waiting_captcha' && locked.unattendedMs >= captchaAbandonedAfterMs;
    if (isAbandoned) await refuseOnboarding(db, locked, abandoned);
  });
  return again;
}

const abandoned = {
  reason: 'captcha_abandoned',
  message: 'Nobody read the captcha within a week. Begin again to try again.',
} as const;

/** The API is configured for the channel, this worker is not: the row keeps its state. */
async function channelDisabled(context: Omit<StepContext, 'sage'>): Promise<StepEnd> {
  await underLock(context, async (db, locked) => {
    if (locked.state === 'in_doubt' || isOver(locked)) return;
    await recordOnboardingFailure(db, locked, {
      reason: 'channel_disabled',
      message: "The worker is not configured for Sage's Banking Service.",
    });
  });
  return { next: 'later', slowly: true };
}
