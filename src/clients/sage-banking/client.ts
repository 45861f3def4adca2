import type { SageOrganisationOrder } from '../../domain/sage-banking/onboarding.js';
import type {
  SageBank,
  SageBankAccount,
  SageCandidate,
  SageLinkedAccount,
  SageRule,
  SageRuleInput,
  SageTransaction,
} from './schemas.js';

/** An organisation with its own signing key: enough to create a company in it (contract 2.2). */
export interface SageOrganisationAccess {
  readonly organisationId: string;
  readonly signingKey: string;
}

/** The company that a call is for, in its organisation, and the organisation's own signing key (contract 2.2). */
export interface SageCompanyAccess extends SageOrganisationAccess {
  readonly companyId: string;
}

interface Call {
  readonly signal?: AbortSignal | undefined;
}
interface CompanyCall extends Call {
  readonly access: SageCompanyAccess;
}
interface AccountCall extends CompanyCall {
  readonly bankAccountId: string;
}
interface RuleCall extends AccountCall {
  readonly ruleId: string;
}

/** Licence details as Sage's token service takes them, `{key, value}` pairs (contract 3.2). */
export type SageLicenceDetails = readonly { readonly key: string; readonly value: string }[];

/** The body of POST organisations (contract 2.3 a), desktop customers with licence and solved captcha (3.2). */
export interface SageOrganisationInput extends SageOrganisationOrder {
  readonly desktop?: {
    readonly licenceDetails: SageLicenceDetails;
    readonly captchaId: string;
    readonly captchaText: string;
  };
}

/** A bank consent session: where the customer goes, and the single-use route of the next poll (contract 5.1). */
export interface SageLinkStart {
  readonly redirect: string;
  readonly pollRoute: string;
  readonly pollPeriodMs: number;
}

/** What a poll of a link answers (contract 5.2). `account` is null when an authorisation was renewed. */
export type SageLinkPoll =
  | { readonly kind: 'waiting'; readonly pollRoute: string; readonly pollPeriodMs: number }
  | { readonly kind: 'succeeded'; readonly account: SageLinkedAccount | null }
  | { readonly kind: 'failed' };

/** The body of POST bankaccounts (contract 6.2). `requestedStartDate` is ISO text in UTC. */
export interface SageBankAccountInput {
  readonly bankId: string;
  readonly accountName: string;
  readonly accountKey?: string;
  readonly accountIdentifier: string;
  readonly bankIdentifier?: string;
  readonly branchIdentifier?: string;
  readonly accountType?: string;
  readonly defaultCurrency?: string;
  readonly requestedStartDate?: string;
}

/** One page of transactions, at most 100, in the order of their ids (contract 7.1). */
export interface SageTransactionPage {
  readonly account: SageBankAccount;
  readonly transactions: readonly SageTransaction[];
  /** The last id of the page: the next page starts after it. */
  readonly endIndex: number;
  readonly hasMore: boolean;
}

/** Contract 10. `transactions` are whole objects; `failed` is final for this run. */
export type SageReprocessPoll =
  | { readonly kind: 'waiting'; readonly pollRoute: string; readonly pollPeriodMs: number }
  | { readonly kind: 'done'; readonly transactions: readonly SageTransaction[] }
  | { readonly kind: 'failed'; readonly message: string | null };

/**
 * Sage's Banking Service as a consumer calls it (docs/contracts/sage-banking.md). It never retries, with one named
 * exception: a call of a company that is answered 401 is made once more with a fresh token, since a 401 says that
 * nothing was done (contract 2.2). Redirects are never followed: a 302 is an answer. All methods throw the errors of
 * `errors.ts`.
 */
export interface SageBankingClient {
  /** Not repeatable: a lost answer is {@link SageOutcomeUnknown}, and no call can find it (contract 2.3). */
  createOrganisation(
    input: Call & { organisation: SageOrganisationInput },
  ): Promise<{ organisationId: string; companyId: string; signingKey: string }>;
  /**
   * An organisation without a company, by the Authentication Service (contract 2.3 b); not repeatable, as above.
   * `externalId` is ours, for Sage's support.
   */
  createBareOrganisation(
    input: Call & { organisation: SageOrganisationOrder; externalId: string },
  ): Promise<SageOrganisationAccess>;
  /** A company in an organisation that exists; not repeatable, as above. */
  createCompany(
    input: Call & { access: SageOrganisationAccess; company: SageOrganisationOrder['company'] },
  ): Promise<{ companyId: string }>;
  /** Registers a desktop customer at the token service; may be repeated. */
  requestToken(input: Call & { licenceDetails: SageLicenceDetails }): Promise<void>;
  /** A captcha for one attempt. `image` is a data URL. */
  getCaptcha(input: Call): Promise<{ captchaId: string; image: string }>;
  /** Fetches a token of the company or organisation, past the cache: proves that ids and key belong together. */
  proveAccess(input: Call & { access: SageCompanyAccess | SageOrganisationAccess }): Promise<void>;

  listBanks(
    input: Call & { name?: string | undefined; primaryCountry?: string | undefined; startIndex?: number },
  ): Promise<{ banks: readonly SageBank[]; total: number }>;
  getBank(input: Call & { bankId: string }): Promise<SageBank>;

  startLink(input: CompanyCall & { bankId: string; e2e?: string }): Promise<SageLinkStart>;
  startReauthorisation(input: AccountCall): Promise<SageLinkStart>;
  /** Uses up the route; one used before: {@link SageGone}. A host outside `linkOrigins`: {@link SageForeignAddress}. */
  pollLink(input: Call & { pollRoute: string }): Promise<SageLinkPoll>;

  /** Repeat only after {@link listBankAccounts}, which shows an account whose answer was lost. */
  createBankAccount(input: CompanyCall & { account: SageBankAccountInput }): Promise<SageBankAccount>;
  listBankAccounts(input: CompanyCall & { includeCancelled?: boolean }): Promise<readonly SageBankAccount[]>;
  getBankAccount(input: AccountCall): Promise<SageBankAccount>;
  /** May be repeated. */
  deleteBankAccount(input: AccountCall): Promise<void>;

  /**
   * Accounts that the customer has granted with the consent of this one (contract 6.6). The first answer may be incomplete:
   * it makes Sage ask the bank.
   */
  listCandidates(input: AccountCall): Promise<readonly SageCandidate[]>;
  /** Makes one of them an account. Repeat only after {@link listBankAccounts}; one that is connected is a 409. */
  linkCandidate(
    input: CompanyCall & { candidateId: string; requestedStartDate: string },
  ): Promise<SageBankAccount>;

  /** Transactions from the id `startIndex` on, up to `endIndex`, both included; without it a whole page. */
  readTransactions(
    input: AccountCall & { startIndex: number; endIndex?: number | undefined },
  ): Promise<SageTransactionPage>;

  listRules(input: AccountCall): Promise<readonly SageRule[]>;
  getRule(input: RuleCall): Promise<SageRule>;
  createRule(input: AccountCall & { rule: SageRuleInput }): Promise<SageRule>;
  replaceRule(input: RuleCall & { rule: SageRuleInput }): Promise<SageRule>;
  amendRule(input: RuleCall & { changes: Partial<SageRuleInput> }): Promise<SageRule>;
  deleteRule(input: RuleCall): Promise<void>;
  /** Rules of the company's cancelled accounts, with their old `bankAccountId` (contract 8.1). */
  listDisconnectedRules(input: CompanyCall): Promise<readonly SageRule[]>;
  /** Deletes a rule of a cancelled account, for good; one of an open account is a 409. */
  deleteDisconnectedRule(input: CompanyCall & { ruleId: string }): Promise<void>;

  /** At most 1,000 ids; may be repeated (contract 10). */
  startReprocess(
    input: AccountCall & { transactionIds: readonly number[] },
  ): Promise<{ pollRoute: string; pollPeriodMs: number }>;
  /** May be repeated on the same route. Only hosts of `linkOrigins` are called. */
  pollReprocess(input: CompanyCall & { pollRoute: string }): Promise<SageReprocessPoll>;
}

export interface SageBankingOptions {
  /** Origins without a path. */
  readonly bankingUrl: string;
  readonly authUrl: string;
  readonly tokenServiceUrl: string;
  /** Exact origins that a poll route may have. */
  readonly linkOrigins: readonly string[];
  readonly applicationId: string;
  /** Absent for a product that onboards desktop customers only. */
  readonly signingKey: string | undefined;
  /** `x-provider` at the token service; absent for a product that onboards cloud customers only. */
  readonly provider: string | undefined;
  readonly fetch?: typeof fetch;
  /** From sending to the last byte of the answer. */
  readonly timeoutMs?: number;
  readonly nowMs?: () => number;
}
