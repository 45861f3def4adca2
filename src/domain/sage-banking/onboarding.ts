import { dayMs } from '../limits.js';

/** How a customer gets its organisation at Sage's Banking Service, in words and limits that several parts share. */

/** Cloud products sign their calls; desktop ones are vouched for by Sage's token service (contract 3.1, 3.2). */
export const sageProductKinds = ['cloud', 'desktop'] as const;
export type SageProductKind = (typeof sageProductKinds)[number];

/** An organisation with its company as it is ordered, in Sage's own words (contract 2.3). */
export interface SageOrganisationOrder {
  readonly company: {
    readonly name: string;
    readonly postalCode?: string;
    readonly standardIndustrialCode?: string;
    readonly vatNumber?: string;
    readonly languageCode?: string;
  };
  readonly crmId?: string;
  readonly user?: { readonly emailAddress?: string; readonly identity?: string };
}

/** Assumed: a registration and a captcha live 15 minutes (contract 3.2). An older captcha is shown to nobody. */
export const captchaGoodForMs = 13 * 60_000;
/** So often a person may read a captcha wrongly before the onboarding ends. */
export const captchaFailuresMax = 3;
/** So long the onboarding waits for somebody who reads the captcha. */
export const captchaAbandonedAfterMs = 7 * dayMs;

/** Why an onboarding ended without an organisation; each is in the runbook. */
export const sageOnboardingRefusals = [
  /** The ways of onboarding that are configured do not include this one. */
  'not_configured',
  /** 404: the token service was never asked, although we asked it twice. */
  'no_initial_request',
  /** 400: not a customer of Sage. */
  'invalid_customer',
  /** 400: a field of the order is not as Sage wants it. */
  'invalid_request',
  /** 409: the environment's limit of organisations. */
  'organisation_limit',
  /** Any other refusal, in Sage's words. */
  'provider_refused',
  'captcha_failed',
  'captcha_abandoned',
  /** Sage answered with the ids of a company that we have already. */
  'company_taken',
] as const;
export type SageOnboardingRefusal = (typeof sageOnboardingRefusals)[number];

/** What an open onboarding waits for or has met; each is in the runbook. */
export const sageOnboardingFailures = [
  'provider_unavailable',
  /** Our own application, or its signing key, is not accepted: the same for every customer. */
  'sage_application_refused',
  /** The channel is closed in this worker's configuration. */
  'channel_disabled',
  /** The new organisation exists, and its own key is not accepted yet. */
  'company_not_accepted',
  /** A step went on failing for a reason that nobody foresaw: ours to find. */
  'unexpected',
  'captcha_wrong',
  'captcha_expired',
  'registration_expired',
  /** `in_doubt`: the request that creates may have gone out, and nobody knows what came of it. */
  'answer_lost',
  /** `in_doubt`: what was entered did not prove true. */
  'resolution_refused',
] as const;
export type SageOnboardingFailure = (typeof sageOnboardingFailures)[number];

export type SageOnboardingReason = SageOnboardingRefusal | SageOnboardingFailure;

/** Failures that no retry resolves: an operator must act if one persists. */
export const sageOnboardingStuckReasons: readonly SageOnboardingFailure[] = [
  'sage_application_refused',
  'channel_disabled',
  'company_not_accepted',
  'unexpected',
];

/** Failures that the workflow retries by itself, which updates the row; all others wait for a signal. */
export const sageOnboardingWaits: readonly SageOnboardingFailure[] = [
  ...sageOnboardingStuckReasons,
  'provider_unavailable',
];
