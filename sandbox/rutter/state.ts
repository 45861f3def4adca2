import { Book } from './book.js';
import type { Finding, SandboxEvent } from './events.js';
import { applyAccountChange, jobKey, runWork } from './work.js';
import type {
  AccountRecord,
  ChallengeRecord,
  ConnectionRecord,
  JobRecord,
  OtpRecord,
  PublicTokenRecord,
} from './records.js';

/** Oldest findings are dropped beyond this number; the counts include them. */
export const findingsMax = 5_000;

/** The whole memory of the sandbox. Changed by apply() alone, so that a journal of events can rebuild it. */
export class SandboxState {
  readonly connections = new Map<string, ConnectionRecord>();
  readonly connectionIdByToken = new Map<string, string>();
  readonly accounts = new Map<string, AccountRecord>();
  readonly accountIdsByConnection = new Map<string, string[]>();
  readonly challenges = new Map<string, ChallengeRecord>();
  readonly otps = new Map<string, OtpRecord>();
  readonly publicTokens = new Map<string, PublicTokenRecord>();
  readonly jobs = new Map<string, JobRecord>();
  /** Accepted requests by connection and Idempotency-Key. */
  readonly jobIdByKey = new Map<string, string>();
  /** Connection id → its one unfinished job of transactions. */
  readonly openBatchByConnection = new Map<string, string>();
  readonly book = new Book();
  readonly violations: Finding[] = [];
  readonly notes: Finding[] = [];
  organisationRevoked = false;
  clockOffsetMs = 0;

  apply(event: SandboxEvent): void {
    switch (event.type) {
      case 'job_accepted':
        return this.#acceptJob(event);
      case 'job_finished':
        return this.#finishJob(event);
      case 'connection_made':
        return this.addConnection(event.connection);
      case 'connection_status':
        return this.#change(event.connectionId, (connection) => {
          connection.status = event.status;
          connection.disabledReason = event.reason;
          connection.updatedAtMs = event.atMs;
        });
      case 'connection_linked':
        return this.#change(event.connectionId, (connection) => {
          connection.platform = event.platform;
          connection.status = 'active';
          connection.disabledReason = null;
          connection.updatedAtMs = event.atMs;
        });
      case 'connection_deleted':
        return this.#deleteConnection(event.connectionId);
      case 'token_revoked':
        return this.#change(event.connectionId, (connection) => {
          connection.tokenRevoked = event.revoked;
        });
      case 'organisation_revoked':
        this.organisationRevoked = event.revoked;
        return;
      case 'public_token_made':
        this.publicTokens.set(event.token.token, event.token);
        return;
      case 'challenge_made':
        this.challenges.set(event.challenge.challenge, event.challenge);
        return;
      case 'login_linked':
        return this.#linkLogin(event);
      case 'account_changed': {
        const account = this.accounts.get(event.accountId);
        if (account === undefined) return;
        // An earlier change that no request has read yet is applied first.
        if (account.pending !== null) applyAccountChange(account, account.pending);
        account.pending = event.change;
        return;
      }
      case 'sage_pulled':
        this.book.pull(event.atMs);
        return;
      case 'book_forgot':
        this.book.forget(event.accountId, new Set(event.transactionIds));
        return;
      case 'clock_moved':
        this.clockOffsetMs = event.offsetMs;
        return;
      case 'violation':
        return remember(this.violations, event.finding);
      case 'note':
        return remember(this.notes, event.finding);
      case 'violations_cleared':
        this.violations.length = 0;
        this.notes.length = 0;
        return;
      default:
        event satisfies never;
    }
  }

  addConnection(connection: ConnectionRecord): void {
    this.connections.set(connection.id, connection);
    this.connectionIdByToken.set(connection.accessToken, connection.id);
  }

  connectionByToken(token: string): ConnectionRecord | undefined {
    const id = this.connectionIdByToken.get(token);
    return id === undefined ? undefined : this.connections.get(id);
  }

  /** The account as Rutter sees it at `nowMs`: a change in Sage shows once its delay has passed. */
  account(id: string, nowMs: number): AccountRecord | undefined {
    const account = this.accounts.get(id);
    if (account === undefined || account.deleted) return undefined;
    if (account.pending !== null && account.pending.visibleAtMs <= nowMs) {
      applyAccountChange(account, account.pending);
      account.pending = null;
    }
    return account;
  }

  accountsOf(connectionId: string, nowMs: number): AccountRecord[] {
    const ids = this.accountIdsByConnection.get(connectionId) ?? [];
    return ids.map((id) => this.account(id, nowMs)).filter((account) => account !== undefined);
  }

  #acceptJob({ job: accepted }: Extract<SandboxEvent, { type: 'job_accepted' }>): void {
    const job: JobRecord = {
      ...accepted,
      finishedAtMs: null,
      httpStatus: null,
      body: undefined,
      answered: null,
    };
    this.jobs.set(job.id, job);
    if (job.idempotencyKey !== null)
      this.jobIdByKey.set(jobKey(job.connectionId, job.idempotencyKey), job.id);
    if (job.work.kind === 'transactions' && job.connectionId !== null) {
      this.openBatchByConnection.set(job.connectionId, job.id);
    }
  }

  #finishJob(event: Extract<SandboxEvent, { type: 'job_finished' }>): void {
    const job = this.jobs.get(event.jobId);
    if (job === undefined || job.finishedAtMs !== null) return;
    runWork(this, job, event.outcome ?? job.planned, event.atMs);
    job.finishedAtMs = event.atMs;
    if (job.connectionId !== null && this.openBatchByConnection.get(job.connectionId) === job.id) {
      this.openBatchByConnection.delete(job.connectionId);
    }
  }

  #linkLogin(event: Extract<SandboxEvent, { type: 'login_linked' }>): void {
    const challenge = this.challenges.get(event.challenge);
    const otp = this.otps.get(event.otp);
    if (challenge === undefined || otp === undefined) return;
    challenge.spentAtMs = event.atMs;
    otp.spentAtMs = event.atMs;
    otp.spentWith = challenge.challenge;
    this.#change(otp.connectionId, (connection) => {
      connection.sageCompany = challenge.sageCompany;
      connection.updatedAtMs = event.atMs;
    });
  }

  #deleteConnection(id: string): void {
    const connection = this.connections.get(id);
    if (connection === undefined) return;
    this.connections.delete(id);
    this.connectionIdByToken.delete(connection.accessToken);
  }

  #change(id: string, change: (connection: ConnectionRecord) => void): void {
    const connection = this.connections.get(id);
    if (connection !== undefined) change(connection);
  }
}

function remember(findings: Finding[], finding: Finding): void {
  findings.push(finding);
  if (findings.length > findingsMax) findings.shift();
}
