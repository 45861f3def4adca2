import { TransactionBook } from './transaction-book.js';
import type {
  AccountRecord,
  BankCustomerRecord,
  BankRecord,
  CandidateRecord,
  CaptchaRecord,
  CompanyRecord,
  Finding,
  LicenceRecord,
  LinkRecord,
  NotificationRecord,
  OrganisationRecord,
  RegistrationRecord,
  ReprocessRecord,
  RuleRecord,
  SecretsRecord,
  SettingsRecord,
  StatementRecord,
  TransactionRecord,
} from './records.js';

/** Oldest findings are dropped beyond this. */
export const findingsMax = 5_000;

interface TableRecords {
  organisation: OrganisationRecord;
  company: CompanyRecord;
  bank: BankRecord;
  bankCustomer: BankCustomerRecord;
  link: LinkRecord;
  candidate: CandidateRecord;
  account: AccountRecord;
  rule: RuleRecord;
  reprocess: ReprocessRecord;
  statement: StatementRecord;
  captcha: CaptchaRecord;
  registration: RegistrationRecord;
  licence: LicenceRecord;
  notification: NotificationRecord;
  secrets: SecretsRecord;
  settings: SettingsRecord;
}
type TableName = keyof TableRecords;

/** Inserts a record, or replaces the one with its id. */
type Put = { [Name in TableName]: { put: Name; record: TableRecords[Name] } }[TableName];

export type Change =
  | Put
  | { put: 'transaction'; record: TransactionRecord }
  | { put: 'nonce'; nonce: string }
  | { put: 'clock'; offsetMs: number }
  | { put: 'violation' | 'note'; finding: Finding }
  | { drop: 'rule'; id: string }
  | { drop: 'transactions'; accountId: string }
  | { drop: 'findings' };

/** What one request changes: applied whole or not at all, and one line of the journal. */
export type ChangeSet = readonly Change[];

/** The whole memory of the sandbox. Changed by apply() alone, so that a journal of change sets can rebuild it. */
export class SageBankingState {
  readonly #tables: { [Name in TableName]: Map<string, TableRecords[Name]> } = {
    organisation: new Map(),
    company: new Map(),
    bank: new Map(),
    bankCustomer: new Map(),
    link: new Map(),
    candidate: new Map(),
    account: new Map(),
    rule: new Map(),
    reprocess: new Map(),
    statement: new Map(),
    captcha: new Map(),
    registration: new Map(),
    licence: new Map(),
    notification: new Map(),
    secrets: new Map(),
    settings: new Map(),
  };
  readonly transactions = new TransactionBook();
  readonly nonces = new Set<string>();
  readonly violations: Finding[] = [];
  readonly notes: Finding[] = [];
  clockOffsetMs = 0;

  get<Name extends TableName>(name: Name, id: string): TableRecords[Name] | undefined {
    return this.#tables[name].get(id);
  }

  /** In the order of their making. */
  all<Name extends TableName>(name: Name): TableRecords[Name][] {
    return [...this.#tables[name].values()];
  }

  /** Active rules of an account by rank. */
  rulesOf(accountId: string): RuleRecord[] {
    return this.all('rule')
      .filter((rule) => rule.accountId === accountId && rule.status === 'active')
      .sort((a, b) => a.ruleRank - b.ruleRank);
  }

  apply(changes: ChangeSet): void {
    for (const change of changes) this.#applyOne(change);
  }

  #applyOne(change: Change): void {
    if ('drop' in change) return this.#drop(change);
    switch (change.put) {
      case 'transaction':
        return this.transactions.put(change.record);
      case 'nonce':
        this.nonces.add(change.nonce);
        return;
      case 'clock':
        this.clockOffsetMs = change.offsetMs;
        return;
      case 'violation':
        return remember(this.violations, change.finding);
      case 'note':
        return remember(this.notes, change.finding);
      default:
        (this.#tables[change.put] as Map<string, typeof change.record>).set(change.record.id, change.record);
    }
  }

  #drop(change: Extract<Change, { drop: string }>): void {
    switch (change.drop) {
      case 'rule':
        this.#tables.rule.delete(change.id);
        return;
      case 'transactions':
        return this.transactions.drop(change.accountId);
      case 'findings':
        this.violations.length = 0;
        this.notes.length = 0;
        return;
      default:
        change satisfies never;
    }
  }
}

function remember(findings: Finding[], finding: Finding): void {
  findings.push(finding);
  if (findings.length > findingsMax) findings.shift();
}
