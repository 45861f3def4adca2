import { dayMs } from '../limits.js';

/** How a customer gets its organisation at Sage's Banking Service, as terms and limits that several modules share. */

/** Cloud products sign their calls; desktop ones are vouched for by Sage's token service (contract 3.1, 3.2). */
export const sageProductKinds = ['cloud', 'desktop'] as const;
export type SageProductKind = (typeof sageProductKinds)[number];

/**
 * How organisations of cloud products are created (contract 2.3): with their company by one request of the Banking Service,
 * or by the Authentication Service, and the company after it.
 */
export const sageOrganisationRoutes = ['banking_service', 'authentication_service'] as const;
export type SageOrganisationRoute = (typeof sageOrganisationRoutes)[number];

/** An organisation with its company as it is requested, in Sage's own fields (contract 2.3). */
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

/** Assumed: a registration and a captcha live 15 minutes (contract 3.2). An older captcha is not shown. */
export const captchaGoodForMs = 13 * 60_000;
/** Wrong answers to a captcha after which the onboarding ends. */
export const captchaFailuresMax = 3;
/** How long the onboarding waits for an answer to the captcha. */
export const captchaAbandonedAfterMs = 7 * dayMs;

/** Why an onboarding ended without an organisation; each is in the runbook. */
export const sageOnboardingRefusals = [
  /** This kind of onboarding is not configured. */
  'not_configured',
  /** 404: Sage knows no request to the token service, although we sent it twice. */
  'no_initial_request',
  /** 400: not a customer of Sage. */
  'invalid_customer',
  /** 400: Sage refuses a field of the request. */
  'invalid_request',
  /** 409: the environment's limit of organisations. */
  'organisation_limit',
  /** Any other refusal; the message is Sage's. */
  'provider_refused',
  'captcha_failed',
  'captcha_abandoned',
  /** Sage answered with the ids of a company that is stored already. */
  'company_taken',
] as const;
export type SageOnboardingRefusal = (typeof sageOnboardingRefusals)[number];

/** What an open onboarding waits for or has met; each is in the runbook. */
export const sageOnboardingFailures = [
  'provider_unavailable',
  /** Our own application, or its signing key, is not accepted: the same for every customer. */
  'sage_application_refused',
  /** The channel is disabled in this worker's configuration. */
  'channel_disabled',
  /** The new organisation exists, and its own key is not accepted yet. */
  'company_not_accepted',
  /** A step keeps failing for an unforeseen reason: a bug of ours. */
  'unexpected',
  'captcha_wrong',
  'captcha_expired',
  'registration_expired',
  /** `in_doubt`: the request that creates may have been sent, and its outcome is unknown. */
  'answer_lost',
  /** `in_doubt`: Sage did not confirm what the operator entered. */
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
