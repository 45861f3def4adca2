/**
 * All assumptions of this sandbox: what the published pages of Sage's Banking Service leave open. They are in one
 * file, so that an answer from Sage (or a test against the real API) changes one line here. Documented values are at
 * the end, in their own block. Sections are those of docs/contracts/sage-banking.md.
 */

/** Our assumption: the names of the error codes. No error body is documented (contract 13). */
export const CODE = {
  invalidRequest: 'invalidRequest',
  captchaInvalid: 'captchaInvalid',
  invalidCustomer: 'invalidCustomer',
  unauthorised: 'unauthorised',
  forbidden: 'forbidden',
  notFound: 'notFound',
  gone: 'gone',
  conflict: 'conflict',
  organisationLimitExceeded: 'organisationLimitExceeded',
  tooManyRequests: 'tooManyRequests',
  internal: 'internal',
} as const;
export type ErrorCode = keyof typeof CODE;

/** Our assumption: undocumented statuses of successful calls. */
export const STATUS = {
  accessToken: 200,
  cloudOrganisation: 200,
  company: 201,
  requestToken: 200,
  ruleCreated: 201,
  ruleDeleted: 204,
  reprocessAccepted: 202,
} as const;

/** Our assumption: longest body, and the clock's slack for tokens (none). */
export const bodyBytesMax = 10 * 1024 * 1024;
/** Our assumption: the lifetime of a registration at the token service and of a captcha (contract 3.2). */
export const registrationLifetimeMs = 15 * 60_000;
export const captchaLifetimeMs = 15 * 60_000;
/** Our assumption: one attempt spends a captcha, right or wrong; letters count in any case. */
export const captchaCharacters = 6;
/** Our assumption: banks per page, default and most (contract 4). */
export const banksLimitMax = 100;
/** Our assumption: a link session has the lifetime of the provider's (documented there, contract 12.3). */
export const linkLifetimeMs = 20 * 60_000;
/** Our assumption: download address of a direct bank's form (contract 6.3). */
export const formLifetimeMs = 3_600_000;
/** Our assumption: types of an account whose bank lists none (contract 6.2). */
export const accountTypesDefault: readonly string[] = ['DEBIT', 'CREDIT'];
/** Our assumption: a direct bank's pair of identifiers stays in use after its account was cancelled (contract 6.2). */
export const directPairFreedByCancel = false;
/** Our assumption: transactions per page (contract 7.1). */
export const transactionsPageMax = 100;
/** Our assumption: limits of rules (contract 8). */
export const rulesPerAccountMax = 300;
export const ruleConditionsMax = 20;
export const ruleActionsMax = 20;
export const splitDecimalsMax = 4;
/** Our assumption: `*` and `?` in a narrative's criteria are refused, so that no client depends on their meaning (9.2). */
export const narrativeWildcards = /[*?]/;
/** Our assumption: the values and the score of predicted actions (contract 9.6). */
export const PREDICTION = {
  ruleSource: 'userRule',
  aiSource: 'autoCategorisation',
  match: 'all',
  ruleScore: 100,
} as const;
/** Our assumption: a reprocess run (contract 10). */
export const reprocessIdsMax = 1_000;
export const reprocessResultLifetimeMs = 24 * 3_600_000;
/** Our assumption: longest texts. */
export const textCharactersMax = 1_000;

/** Documented: organisations per product and customer (contract 3.2). */
export const organisationLimit = { qa: Infinity, preProduction: 15, production: 1 } as const;
export type Environment = keyof typeof organisationLimit;
/** Documented: what a product without ids of its own may use, on QA and pre-production only (contract 3.2). */
export const INTERIM = {
  applicationId: 'sage.integrate.myproduct',
  provider: 'integrate.my.provider',
  serial: 'ACTIVE',
} as const;
/** Documented by the published example: lifetime of a JWT (contract 2.2). */
export const jwtLifetimeS = 1_200;
/** Documented: longest nonce (contract 2.1). */
export const nonceCharactersMax = 200;
/** Documented: the longest period of one statement (contract 12.4). */
export const statementSpanMs = 14 * 24 * 3_600_000;

/** What a test may turn at run time, by `startSageBankingSandbox({knobs})` or `POST /_sandbox/knobs`. Times in ms. */
export interface Knobs {
  /** `pollPeriod` of link and re-authorisation (documented example: 5,000). */
  linkPollPeriodMs: number;
  /** `pollPeriod` of reprocessing (documented example: 1,000). */
  reprocessPollPeriodMs: number;
  /** A reprocess run waits this long in `queued`, then `running`: half and half. */
  reprocessRunMs: number;
  /** A statement is worked on this long; 0 = within the request that posts it. */
  statementRunMs: number;
  /** Until candidates of GET availablebankaccounts are complete (our assumption: up to 10 s). */
  candidatesRefreshMs: number;
  /** Transactions per statement (the sources give both 100 and 1,000). */
  statementTransactionsMax: number;
  /** Every n-th transaction id is left out, since documented ids have gaps; 0 = none is. */
  idGapEvery: number;
  /** The poll's account has no accountKey (observed in practice; clients then send "1"). */
  accountKeyMissing: boolean;
  /** The poll's account has no bankIdentifier. */
  bankIdentifierMissing: boolean;
  /** Objects have undocumented fields. */
  extraFields: boolean;
}

export const defaultKnobs: Readonly<Knobs> = {
  linkPollPeriodMs: 5_000,
  reprocessPollPeriodMs: 1_000,
  reprocessRunMs: 500,
  statementRunMs: 0,
  candidatesRefreshMs: 10_000,
  statementTransactionsMax: 1_000,
  idGapEvery: 10,
  accountKeyMissing: false,
  bankIdentifierMissing: false,
  extraFields: false,
};
