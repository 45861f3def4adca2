import type { Book } from './book.js';
import type {
  AccountChange,
  AccountRecord,
  ConnectionRecord,
  JobRecord,
  Outcome,
  OtpRecord,
  PublicTokenRecord,
  SentTransaction,
} from './records.js';

/** What a job changes: the part of the sandbox's state that work is applied to. */
export interface WorkState {
  readonly connections: ReadonlyMap<string, ConnectionRecord>;
  readonly connectionIdByToken: Map<string, string>;
  readonly accounts: Map<string, AccountRecord>;
  readonly accountIdsByConnection: Map<string, string[]>;
  readonly otps: Map<string, OtpRecord>;
  readonly publicTokens: ReadonlyMap<string, PublicTokenRecord>;
  readonly book: Book;
  addConnection(connection: ConnectionRecord): void;
}

/** Scope of an Idempotency-Key: per organisation and connection (our assumption). */
export function jobKey(connectionId: string | null, idempotencyKey: string): string {
  return `${connectionId ?? 'organisation'}|${idempotencyKey}`;
}

export function applyAccountChange(account: AccountRecord, change: AccountChange): void {
  if (change.feedStatus !== undefined) account.feedStatus = change.feedStatus;
  if (change.transactionReady !== undefined) account.transactionReady = change.transactionReady;
  if (change.transactionStartDate !== undefined) account.transactionStartDate = change.transactionStartDate;
  if (change.fields !== undefined) Object.assign(account.fields, change.fields);
  account.updatedAtMs = change.visibleAtMs;
}

/** Applies the work of an accepted job and stores the answer's status in it. Deterministic, since journals replay it. */
export function runWork(state: WorkState, job: JobRecord, outcome: Outcome, atMs: number): void {
  switch (outcome.kind) {
    case 'done':
      job.httpStatus = 200;
      takeEffect(state, job, atMs, new Set(), true);
      return;
    case 'omitted':
      job.httpStatus = 200;
      takeEffect(state, job, atMs, new Set(outcome.transactionIds), outcome.booked);
      return;
    case 'failed':
      if (outcome.withEffect) takeEffect(state, job, atMs, new Set(), true);
      job.httpStatus = outcome.httpStatus;
      job.body = outcome.body;
      return;
    case 'never':
      job.httpStatus = 500;
      return;
    default:
      outcome satisfies never;
  }
}

function takeEffect(
  state: WorkState,
  job: JobRecord,
  atMs: number,
  omitted: ReadonlySet<string>,
  omittedAreBooked: boolean,
): void {
  const { work } = job;
  switch (work.kind) {
    case 'transactions':
      return bookTransactions(state, job, work, atMs, omitted, omittedAreBooked);
    case 'create_account': {
      const account = { ...work.account, createdAtMs: atMs, updatedAtMs: atMs };
      state.accounts.set(account.id, account);
      const ids = state.accountIdsByConnection.get(account.connectionId) ?? [];
      state.accountIdsByConnection.set(account.connectionId, [...ids, account.id]);
      return;
    }
    case 'delete_account': {
      const account = state.accounts.get(work.accountId);
      if (account !== undefined) account.deleted = true;
      return;
    }
    case 'create_connection':
      return state.addConnection({ ...work.connection });
    case 'rename_connection': {
      const connection = state.connections.get(work.connectionId);
      if (connection === undefined) return;
      connection.name = work.name;
      connection.updatedAtMs = atMs;
      return;
    }
    case 'replace_token': {
      const connection = state.connections.get(work.connectionId);
      if (connection === undefined) return;
      state.connectionIdByToken.delete(connection.accessToken);
      connection.accessToken = work.accessToken;
      state.connectionIdByToken.set(work.accessToken, connection.id);
      return;
    }
    case 'exchange_public_token': {
      const token = state.publicTokens.get(work.token);
      if (token !== undefined) token.usedAtMs = atMs;
      return;
    }
    case 'create_otp':
      return addOtp(state, work.otp, atMs);
    case 'nothing':
      return;
    default:
      work satisfies never;
  }
}

function bookTransactions(
  state: WorkState,
  job: JobRecord,
  work: { accountId: string; transactions: SentTransaction[] },
  atMs: number,
  omitted: ReadonlySet<string>,
  omittedAreBooked: boolean,
): void {
  const account = state.accounts.get(work.accountId);
  if (account === undefined) return;
  const booked = omittedAreBooked
    ? work.transactions
    : work.transactions.filter((transaction) => !omitted.has(transaction.transaction_id));
  const lines = state.book.add(account, job, booked, atMs);
  job.answered = omitted.size === 0 ? lines : lines.filter((line) => !omitted.has(line.entry.transaction_id));
}

/** Each OTP cancels every earlier one of its connection. */
function addOtp(state: WorkState, otp: OtpRecord, atMs: number): void {
  for (const earlier of state.otps.values()) {
    if (earlier.connectionId === otp.connectionId && earlier.spentAtMs === null)
      earlier.supersededAtMs ??= atMs;
  }
  state.otps.set(otp.otp, { ...otp });
}
