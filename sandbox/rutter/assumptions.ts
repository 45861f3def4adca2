/**
 * All assumptions of this sandbox: what Rutter's published pages leave open. They are in one file, so that an
 * answer from Rutter (or a test against the real API) changes one line here and nothing else. Documented times and
 * limits are at the end, in their own block.
 */

/** Our assumption: HTTP statuses for which Rutter publishes a code but no status, or neither. */
export const assumedStatus = {
  missingVersionHeader: 400,
  productNotReady: 400,
  invalidCredentials: 401,
  connectionDisabled: 400,
  needsUpdate: 400,
  missingAccessToken: 400,
  ruleBroken: 400,
  unsupportedOnSage: 404,
  bodyTooLarge: 413,
} as const;

/** Our assumption: names of the codes that Rutter does not publish. */
export const assumedCode = {
  missingAccessToken: 'MISSING_ACCESS_TOKEN',
  invalidInput: 'INVALID_INPUT',
  notFound: 'NOT_FOUND',
  notSupported: 'NOT_SUPPORTED',
  idempotencyConflict: 'IDEMPOTENCY_CONFLICT',
  batchInProgress: 'BANK_FEED_BATCH_IN_PROGRESS',
  accountNotReady: 'BANK_FEED_ACCOUNT_NOT_READY',
  notChronological: 'TRANSACTIONS_NOT_CHRONOLOGICAL',
  rateLimited: 'RATE_LIMIT_EXCEEDED',
  platformBadRequest: 'PLATFORM_BAD_REQUEST',
  platformRateLimited: 'PLATFORM_RATE_LIMITED',
  internal: 'INTERNAL_SERVER_ERROR',
} as const;

/** Our assumption: the error groups behind those codes. */
export const assumedType = {
  request: 'API_REQUEST_ERROR',
  connection: 'CONNECTION_ERROR',
  rateLimit: 'RATE_LIMIT_ERROR',
  platform: 'PLATFORM_ERROR',
  internal: 'INTERNAL_ERROR',
} as const;

/** Our assumption: the largest page of a list; a larger `limit` is clamped, not refused. */
export const listLimitMax = 500;
/** Our assumption: accepted results replay for this long under their Idempotency-Key. */
export const idempotencyRetentionMs = 30 * 24 * 3_600_000;
/** Our assumption: a job can be read for this long; then it answers 410 like an unknown id. */
export const jobRetentionMs = 30 * 24 * 3_600_000;
/** Our assumption: a public token from Link is single use and expires after this time. */
export const publicTokenLifetimeMs = 30 * 60_000;
/** Our assumption: longest request body, ids and texts. */
export const bodyBytesMax = 10 * 1024 * 1024;
export const idCharactersMax = 255;
export const textCharactersMax = 1_000;
export const accountTextCharactersMax = 255;
/** Our assumption: webhook attempts after the first failure, and the time one attempt may take. */
export const webhookAttemptDelaysMs: readonly number[] = [0, 30_000, 90_000, 210_000, 450_000, 930_000];
export const webhookTimeoutMs = 10_000;
/** Our assumption: a job counts as `prequeued` for this share of its run time, then as `pending`. */
export const prequeuedShare = 0.2;
/** Our assumption: platforms that POST /connections/create takes, and those that need credentials with it. */
export const creatablePlatforms: readonly string[] = [
  'SAGE_BANK_FEEDS',
  'INTUIT_BANK_FEEDS',
  'SAGE_INTACCT_V2',
];
export const platformsWithCredentials: readonly string[] = ['SAGE_INTACCT_V2'];
/** Our assumption: Link-made connections of these platforms work on the same bank feed endpoints. */
export const linkPlatforms: readonly string[] = [
  'SAGE_BANK_FEEDS',
  'SAGE_INTACCT',
  'SAGE_INTACCT_V2',
  'SAGE_BUSINESS_CLOUD',
];

/** Documented: accepted values of X-Rutter-Version. */
export const versions: readonly string[] = ['2024-08-31', '2024-04-30', '2023-03-14', '2023-02-07'];
/** Documented: 500 requests in any 10 seconds for the whole organisation. */
export const rateLimitMax = 500;
export const rateWindowMs = 10_000;
/** Documented: a challenge and its redirect are valid for 10 minutes, an OTP for one hour. */
export const challengeLifetimeMs = 600_000;
export const otpLifetimeMs = 3_600_000;
/** Documented: transactions per request. */
export const batchMin = 1;
export const batchMax = 1_000;
/** Documented: default page of a list, and the longest connection name. */
export const listLimitDefault = 50;
export const connectionNameCharactersMax = 30;

/** What a test may turn at run time, by `startRutterSandbox({knobs})` or `POST /_sandbox/knobs`. Times in ms. */
export interface Knobs {
  /** Run time of a job that books transactions or makes an account. Longer than the synchronous window: an async answer. */
  jobRunMs: number;
  /** Run time of an account's job; null = same as jobRunMs. */
  accountJobRunMs: number | null;
  /** Delay before a POST of transactions is checked: the network and Rutter's own work. */
  postLatencyMs: number;
  /** How long `prefer_sync` waits for the job (documented: 30 s). */
  preferSyncWindowMs: number;
  /** Time until an account chosen or disconnected in Sage shows in GET. */
  selectDelayMs: number;
  /** Transactions younger than this are not in GET lists yet. */
  readBackLagMs: number;
  /** Delay of data webhooks (accounts, jobs). */
  webhookDelayMs: number;
  /** Every n-th data webhook is lost; 0 = none. */
  webhookDropEvery: number;
  /** 400 when debit_credit_memo is missing, as the documentation requires for Sage. */
  memoRequired: boolean;
  /** 400 when the sign of the amount contradicts the memo. */
  signAgreement: boolean;
  /** 400 when posted_at goes backwards inside a request. */
  chronology: boolean;
  /** 400 for a field that is not in Rutter's schema. */
  unknownFieldsRefused: boolean;
  /** 400 for an account with facts that Rutter describes as supported for Intuit only; the message names the first. */
  accountFactsRefused: boolean;
  /** DELETE of an account works instead of answering 404. */
  deleteAccounts: boolean;
  /** `filter` on lists is ignored instead of answering 400. */
  filterAllowed: boolean;
  /** The rate limit is enforced. */
  rateLimit: boolean;
  /** redirect_uri of an OTP is null. */
  nullRedirectUri: boolean;
  /** `platform_ingested` is null in every answer, as the description allows. */
  ingestedFlagNull: boolean;
  /** Null enum values are written as the text "null". */
  nullEnumText: boolean;
  /** Objects have undocumented fields. */
  extraFields: boolean;
}

export const defaultKnobs: Readonly<Knobs> = {
  jobRunMs: 1_000,
  accountJobRunMs: null,
  postLatencyMs: 0,
  preferSyncWindowMs: 30_000,
  selectDelayMs: 0,
  readBackLagMs: 0,
  webhookDelayMs: 1_000,
  webhookDropEvery: 0,
  memoRequired: true,
  signAgreement: true,
  chronology: true,
  unknownFieldsRefused: true,
  accountFactsRefused: false,
  deleteAccounts: false,
  filterAllowed: false,
  rateLimit: true,
  nullRedirectUri: false,
  ingestedFlagNull: false,
  nullEnumText: false,
  extraFields: false,
};
