import {
  captchaFailuresMax,
  captchaGoodForMs,
  type SageOnboardingFailure,
  type SageOnboardingReason,
  type SageOnboardingRefusal,
  type SageProductKind,
} from './onboarding.js';
import type { SageOnboardingState } from './states.js';

/**
 * How the rows of onboardings at Sage change; those of accounts: `account-transitions.ts`. Pure: `src/db/sage-banking` reads the row under its lock,
 * calls one of these, and writes the change with the timeline entry. Whether a step fits the row's state is checked by
 * the step that calls it, since it has the answer of Sage.
 */

/** What the decisions need of an onboarding's row. */
export interface OnboardingSnapshot {
  readonly kind: SageProductKind;
  readonly state: SageOnboardingState;
  readonly captchaId: string | null;
  /** By the database's clock; null without a captcha. */
  readonly captchaAgeMs: number | null;
  readonly captchaFailures: number;
  readonly registeredAgain: boolean;
  /** When the POST that creates was sent; null when none may be under way. */
  readonly createSentAt: string | null;
  readonly reason: SageOnboardingReason | null;
}

/** A change of an onboarding's row; absent fields keep their values. */
export interface OnboardingChange {
  readonly state?: SageOnboardingState;
  readonly licenceSealed?: null;
  readonly organisationId?: string;
  readonly organisationKeySealed?: string | null;
  readonly captchaId?: string | null;
  readonly captchaImage?: string | null;
  /** `now` is the database's time of the change. */
  readonly captchaReceivedAt?: 'now' | null;
  readonly captchaText?: string | null;
  readonly captchaFailures?: number;
  readonly registeredAgain?: boolean;
  readonly personActedAt?: 'now';
  readonly createSentAt?: 'now' | null;
  readonly resolutionSealed?: string | null;
  readonly reason?: SageOnboardingReason | null;
  /** For display. */
  readonly message?: string | null;
}

export interface OnboardingTransition {
  readonly change: OnboardingChange;
  /** The entry for the timeline; null: nothing that it reports. */
  readonly event: { readonly kind: string; readonly detail: Readonly<Record<string, unknown>> } | null;
}

/** Why something happened: a code, and a message for display. */
export interface Why<Reason> {
  readonly reason: Reason;
  readonly message: string;
}

const noCaptcha = {
  captchaId: null,
  captchaImage: null,
  captchaReceivedAt: null,
  captchaText: null,
} satisfies OnboardingChange;
const noReason = { reason: null, message: null } satisfies OnboardingChange;
/** The fields that an ended onboarding no longer needs. */
const noSecrets = {
  ...noCaptcha,
  licenceSealed: null,
  organisationKeySealed: null,
  resolutionSealed: null,
  createSentAt: null,
} satisfies OnboardingChange;

function transition(
  kind: string,
  change: OnboardingChange,
  detail: Readonly<Record<string, unknown>> = {},
): OnboardingTransition {
  return { change, event: { kind, detail } };
}

/** A captcha for a person to read. The reason why it is not the first one is kept. */
export function captchaShown(
  row: OnboardingSnapshot,
  captcha: { captchaId: string; image: string },
): OnboardingTransition {
  const isAboutCaptcha = row.reason?.startsWith('captcha_') === true || row.reason === 'registration_expired';
  return transition(
    'sage_captcha_shown',
    {
      ...(isAboutCaptcha ? {} : noReason),
      state: 'waiting_captcha',
      captchaId: captcha.captchaId,
      captchaImage: captcha.image,
      captchaReceivedAt: 'now',
      captchaText: null,
    },
    { failures: row.captchaFailures },
  );
}

/** Back to the token service for a new registration and captcha; `why` is null when a person asked for it. */
export function newCaptchaWanted(
  row: OnboardingSnapshot,
  why: Why<'captcha_wrong' | 'captcha_expired' | 'registration_expired'> | null,
): OnboardingTransition {
  const failures = row.captchaFailures + (why?.reason === 'captcha_wrong' ? 1 : 0);
  return transition(
    'sage_captcha_wanted',
    {
      ...noCaptcha,
      ...(why ?? noReason),
      state: 'registering',
      createSentAt: null,
      captchaFailures: failures,
      registeredAgain: row.registeredAgain || why?.reason === 'registration_expired',
    },
    { because: why?.reason ?? 'asked', failures },
  );
}

/** A captcha that Sage may have discarded is neither shown nor answered. */
export function isStaleCaptcha(row: OnboardingSnapshot): boolean {
  return row.state === 'waiting_captcha' && (row.captchaAgeMs ?? Infinity) >= captchaGoodForMs;
}

/** The result of an answer to a captcha: it is accepted, another captcha is fetched, or nothing changes. */
export type CaptchaDecision =
  | { readonly kind: 'taken' | 'renewing'; readonly transition: OnboardingTransition | null }
  /** It is about a captcha that is not shown any more. */
  | { readonly kind: 'outdated' }
  /** No captcha waits to be read. */
  | { readonly kind: 'not_waiting' };

/** A person answers the captcha `captchaId` (null: the one that is shown); `text` null asks for another one. */
export function captchaAnswered(
  row: OnboardingSnapshot,
  answer: { captchaId: string | null; text: string | null },
): CaptchaDecision {
  const { captchaId, text } = answer;
  if (row.state === 'registering' && text === null) return { kind: 'renewing', transition: null };
  if (row.state !== 'waiting_captcha') return { kind: 'not_waiting' };
  if (captchaId !== null && captchaId !== row.captchaId) return { kind: 'outdated' };
  if (text === null) return { kind: 'renewing', transition: newCaptchaWanted(row, null) };
  if (isStaleCaptcha(row)) return { kind: 'renewing', transition: newCaptchaWanted(row, captchaExpired) };
  const change = { ...noReason, state: 'creating', captchaText: text, personActedAt: 'now' } as const;
  return { kind: 'taken', transition: transition('sage_captcha_answered', change) };
}

export const captchaExpired = {
  reason: 'captcha_expired',
  message: 'The captcha was too old: please read the new one.',
} as const;

const captchaWrong = {
  reason: 'captcha_wrong',
  message: 'That was not what the captcha shows: please read the new one.',
} as const;

/** Sage says that the captcha was read wrongly: another one is fetched, until there were too many wrong answers. */
export function captchaAnsweredWrongly(row: OnboardingSnapshot): OnboardingTransition {
  if (row.captchaFailures + 1 < captchaFailuresMax) return newCaptchaWanted(row, captchaWrong);
  return onboardingRefused({
    reason: 'captcha_failed',
    message: `The captcha was read wrongly ${String(captchaFailuresMax)} times. Begin again to try again.`,
    detail: { failures: captchaFailuresMax },
  });
}

/** A POST that creates may be under way from now on. */
export function createSent(): OnboardingTransition {
  return transition('sage_organisation_requested', { createSentAt: 'now' });
}

/**
 * The next step fails, for a transient reason or until an operator acts; reported once per reason. `notCreated`: the
 * POST that was sent certainly changed nothing, and may be sent again.
 */
export function failureMet(
  row: OnboardingSnapshot,
  input: Why<SageOnboardingFailure> & { notCreated?: boolean },
): OnboardingTransition {
  const { reason, message, notCreated = false } = input;
  const unmarked: OnboardingChange = notCreated ? { state: 'creating', createSentAt: null } : {};
  const event = row.reason === reason ? null : { kind: 'sage_onboarding_failing', detail: { reason } };
  return { change: { reason, message, ...unmarked }, event };
}

/** A POST was sent, or may have been, and its outcome is unknown: nothing is sent until an operator has determined it. */
export function outcomeUnknown(row: OnboardingSnapshot, input: { message: string }): OnboardingTransition {
  return transition(
    'sage_onboarding_in_doubt',
    { ...noCaptcha, state: 'in_doubt', reason: 'answer_lost', message: input.message },
    { create_sent_at: row.createSentAt },
  );
}

/** What an operator determined, to be confirmed by Sage before it counts. A refused onboarding is `in_doubt` again. */
export function resolutionEntered(
  row: OnboardingSnapshot,
  input: { resolutionSealed: string },
): OnboardingTransition {
  const reopened: OnboardingChange =
    row.state === 'refused' ? { state: 'in_doubt', reason: 'answer_lost', message: answeredLate } : {};
  return transition('sage_resolution_entered', {
    ...reopened,
    resolutionSealed: input.resolutionSealed,
    personActedAt: 'now',
  });
}

const answeredLate = 'Sage created an organisation after all, and its answer came late. It is being proven.';

/** What the operator entered was not confirmed by Sage: the outcome is still unknown. */
export function resolutionRefused(input: {
  message: string;
  detail: Readonly<Record<string, unknown>>;
}): OnboardingTransition {
  const change = { resolutionSealed: null, reason: 'resolution_refused', message: input.message } as const;
  return transition('sage_resolution_refused', change, input.detail);
}

/** An operator found that there is no organisation: the onboarding begins again with the same request. */
export function begunAgain(row: OnboardingSnapshot): OnboardingTransition {
  return transition(
    'sage_onboarding_resolved',
    {
      ...noCaptcha,
      ...noReason,
      state: row.kind === 'cloud' ? 'creating' : 'registering',
      createSentAt: null,
      resolutionSealed: null,
      captchaFailures: 0,
      registeredAgain: false,
      personActedAt: 'now',
    },
    { how: 'not_created' },
  );
}

/** The organisation exists without a company: its company is created next, with the key. */
export function organisationCreated(organisation: {
  organisationId: string;
  organisationKeySealed: string;
}): OnboardingTransition {
  return transition(
    'sage_organisation_created',
    { ...noReason, ...organisation, state: 'creating', createSentAt: null, resolutionSealed: null },
    { organisation_id: organisation.organisationId },
  );
}

/** Sage created the organisation with its company; its signing key is stored. */
export function companyCreated(company: { organisationId: string; companyId: string }): OnboardingTransition {
  return transition(
    'sage_organisation_created',
    {
      ...noCaptcha,
      ...noReason,
      state: 'creating',
      createSentAt: null,
      resolutionSealed: null,
      organisationKeySealed: null,
    },
    { organisation_id: company.organisationId, company_id: company.companyId },
  );
}

/** Sage accepts the new company's key. */
export function onboardingReady(): OnboardingTransition {
  return transition('sage_onboarding_ready', { ...noSecrets, ...noReason, state: 'ready' });
}

/** It ends without an organisation; the customer may begin another one. */
export function onboardingRefused(
  input: Why<SageOnboardingRefusal> & { detail?: Readonly<Record<string, unknown>> },
): OnboardingTransition {
  const { reason, message, detail } = input;
  return transition(
    'sage_onboarding_refused',
    { ...noSecrets, state: 'refused', reason, message },
    { reason, ...detail },
  );
}
