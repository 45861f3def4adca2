/** The sandbox's records, as plain JSON. A record is never changed in place: a new one is committed. */

export interface OrganisationRecord {
  id: string;
  /** Secret: signs the token calls. */
  signingKey: string;
  applicationId: string;
  kind: 'cloud' | 'desktop' | 'authentication_service';
  /** Canonical licence details of a desktop customer; the limit counts by them. */
  licence: string | null;
  fields: Record<string, unknown>;
  createdAtMs: number;
}

export interface CompanyRecord {
  id: string;
  organisationId: string;
  fields: Record<string, unknown>;
}

export interface BankRecord {
  id: string;
  name: string;
  dataProvider: 'direct' | 'indirect';
  primaryCountry: string;
  primaryCountry2: string;
  status: 'supported' | 'unsupported' | 'beta';
  popular: boolean;
  accountTypes: string[];
  mechanism: 'pdf' | 'url' | 'instructions' | null;
}

export interface BankCustomerAccount {
  externalId: string;
  name: string;
  accountIdentifier: string;
  branchIdentifier: string;
}

/** Somebody with a login at an indirect bank. */
export interface BankCustomerRecord {
  id: string;
  bankId: string;
  username: string;
  password: string;
  accounts: BankCustomerAccount[];
}

/** The result of a finished link, for the application. */
export interface LinkedAccount {
  accountName: string;
  accountKey: string;
  accountIdentifier: string;
  bankIdentifier: string;
  branchIdentifier: string;
  externalId: string;
}

export interface LinkRecord {
  id: string;
  kind: 'link' | 'reauthorisation';
  companyId: string;
  bankId: string;
  /** Of a re-authorisation. */
  accountId: string | null;
  e2e: string | null;
  state: 'started' | 'linked' | 'refused';
  startedAtMs: number;
  expiresAtMs: number;
  /** The number of the one valid poll route; null after the final answer of the poll, or if there is no poll. */
  pollNumber: number | null;
  pollIssuedAtMs: number;
  /** At the bank's page. */
  bankCustomerId: string | null;
  account: LinkedAccount | null;
  /** A POST of the bank account has used it. */
  usedAtMs: number | null;
}

/** An account that its owner has granted, ready to be linked without another login. */
export interface CandidateRecord {
  id: string;
  companyId: string;
  bankId: string;
  account: LinkedAccount;
}

export type AccountStatus = 'pending' | 'active' | 'authRequired' | 'cancelled';

export interface Balances {
  ledgerBalance: number | null;
  ledgerBalanceDate: string | null;
  availableBalance: number | null;
  availableBalanceDate: string | null;
}

export interface AccountRecord {
  id: string;
  companyId: string;
  bankId: string;
  dataProvider: 'direct' | 'indirect';
  status: AccountStatus;
  statusChangedAtMs: number | null;
  accountName: string;
  accountIdentifier: string;
  bankIdentifier: string;
  branchIdentifier: string | null;
  accountType: string;
  defaultCurrency: string;
  requestedStartDate: string;
  externalId: string | null;
  features: { name: 'featureOptions' | 'featureObject'; value: unknown } | null;
  balances: Balances;
  lastTransactionId: number;
  createdAtMs: number;
  modifiedAtMs: number;
  /** Of the refresh that the first check the candidates starts. */
  candidatesDueMs: number | null;
}

/** A transaction as the consumer sees it. */
export interface TransactionBody extends Record<string, unknown> {
  transactionId: number;
  transactionAmount: number;
  transactionType: string;
  transactionNarrative: string;
  datePosted: string;
  currency: string;
  serverTransactionId: string;
  predictedActions: PredictedAction[];
}

export interface TransactionRecord {
  accountId: string;
  body: TransactionBody;
}

export interface RuleCondition {
  ruleField: string;
  ruleOperation: string;
  ruleCriteria: string;
}

export interface RuleAction {
  splitPercentage: number;
  accountantNarrative: string | null;
  accountsPostings: { type: string; code: string }[];
}

export interface RuleContent {
  ruleName: string;
  ruleConditions: RuleCondition[];
  ruleAdditionalFields: { name: string; value: string }[];
  ruleActions: RuleAction[];
}

export interface RuleRecord extends RuleContent {
  id: string;
  companyId: string;
  accountId: string;
  /** 1…n without gaps per account, 1 first. A disconnected rule keeps the rank it had. */
  ruleRank: number;
  status: 'active' | 'disconnected';
  createdAtMs: number;
  modifiedAtMs: number;
}

export interface PredictedAction {
  predictedId: string;
  score: number;
  source: string;
  rules: { ruleId: string; ruleRank: number; match: string }[];
  actions: unknown;
}

export interface ReprocessRecord {
  id: string;
  accountId: string;
  transactionIds: number[];
  acceptedAtMs: number;
  startsAtMs: number;
  /** Null: never. */
  dueMs: number | null;
  willFail: boolean;
  state: 'waiting' | 'done' | 'failed';
  finishedAtMs: number | null;
}

export interface StatementRecord {
  id: string;
  accountId: string;
  data: Record<string, unknown>;
  acceptedAtMs: number;
  dueMs: number;
  state: 'waiting' | 'completed' | 'failed';
  error: { code: string; message: string; details: { field: string; reason: string }[] } | null;
}

export interface CaptchaRecord {
  id: string;
  text: string;
  expiresAtMs: number;
  spentAtMs: number | null;
}

/** Step 1 of a desktop onboarding: application and licence, as registered at the token service. */
export interface RegistrationRecord {
  id: string;
  expiresAtMs: number;
}

/** A customer's licence, by serial; unknown ones are not customers. */
export interface LicenceRecord {
  id: string;
  isValid: boolean;
}

/** A notification of the service to the provider. */
export interface NotificationRecord {
  id: string;
  at: string;
  type: 'resourceCreated' | 'resourceDeleted';
  resource: { id: string; type: 'authorisation' | 'bankAccount'; url: string };
  additionalData: Record<string, unknown>;
}

/** Written once, at the first start. */
export interface SecretsRecord {
  id: 'secrets';
  jwtPrivateKey: string;
  jwtPublicKey: string;
  urlKey: string;
}

export interface SettingsRecord {
  id: 'settings';
  environment: 'qa' | 'preProduction' | 'production';
}

/** A breach of the contract by the client, or something worth knowing that breaks no rule. */
export interface Finding {
  rule: string;
  detail: string;
  at: string;
}
