/** What the sandbox remembers. Plain JSON, because every record also travels through the journal. Times: epoch ms. */

export type ConnectionStatus = 'not_ready' | 'active' | 'unhealthy' | 'needs_reauth' | 'disabled';
export const connectionStatuses: readonly ConnectionStatus[] = [
  'not_ready',
  'active',
  'unhealthy',
  'needs_reauth',
  'disabled',
];

export interface ConnectionRecord {
  id: string;
  accessToken: string;
  /** Null until the customer chooses one in Link. */
  platform: string | null;
  status: ConnectionStatus;
  disabledReason: string | null;
  name: string | null;
  /** The Sage company tied to this connection by a finished login; null before. */
  sageCompany: string | null;
  tokenRevoked: boolean;
  createdAtMs: number;
  updatedAtMs: number;
}

export type FeedStatus = 'active' | 'inactive';

/** The fields of an account that the client chooses; echoed as sent. */
export type AccountFields = Record<string, string | number | null>;

export interface AccountRecord {
  id: string;
  connectionId: string;
  fields: AccountFields;
  feedStatus: FeedStatus;
  transactionReady: boolean;
  transactionStartDate: string | null;
  createdAtMs: number;
  updatedAtMs: number;
  deleted: boolean;
  /** A change made in Sage that Rutter has not noticed yet. */
  pending: AccountChange | null;
}

export interface AccountChange {
  visibleAtMs: number;
  feedStatus?: FeedStatus;
  transactionReady?: boolean;
  transactionStartDate?: string | null;
  /** Fields that a test lets Rutter show otherwise than they were sent. */
  fields?: AccountFields;
}

export interface ChallengeRecord {
  challenge: string;
  sageCompany: string;
  createdAtMs: number;
  spentAtMs: number | null;
}

export interface OtpRecord {
  otp: string;
  connectionId: string;
  expiresAtMs: number;
  createdAtMs: number;
  spentAtMs: number | null;
  /** The challenge it was spent with; distinguishes a reloaded page from a reused OTP. */
  spentWith: string | null;
  supersededAtMs: number | null;
}

export interface PublicTokenRecord {
  token: string;
  connectionId: string;
  createdAtMs: number;
  usedAtMs: number | null;
}

/** One transaction as the client sent it, checked and normalized; `id` is Rutter's, used only when it is new. */
export interface SentTransaction {
  id: string;
  transaction_id: string;
  posted_at: string;
  amount: number;
  description: string;
  transaction_type: string;
  debit_credit_memo: string | null;
  payee: string | null;
  memo: string | null;
  transaction_date: string | null;
  interest_amount: number | null;
  principal_amount: number | null;
}

/** One booked transaction. `order` counts bookings of the whole sandbox and never repeats. */
export interface BookEntry extends SentTransaction {
  order: number;
  accountId: string;
  jobId: string;
  bookedAtMs: number;
  updatedAtMs: number;
  ingested: boolean;
}

/** What an accepted request does when its job ends. Data, not code, so that a restart can finish it. */
export type Work =
  | { kind: 'transactions'; accountId: string; transactions: SentTransaction[] }
  | { kind: 'create_account'; account: AccountRecord }
  | { kind: 'delete_account'; accountId: string }
  | { kind: 'create_connection'; connection: ConnectionRecord }
  | { kind: 'rename_connection'; connectionId: string; name: string }
  | { kind: 'replace_token'; connectionId: string; accessToken: string }
  | { kind: 'exchange_public_token'; token: string }
  | { kind: 'create_otp'; otp: OtpRecord; redirectUri: string | null }
  | { kind: 'nothing'; body: unknown };

/** How a job ends. All but `done` are caused by a fault. */
export type Outcome =
  | { kind: 'done' }
  | { kind: 'failed'; httpStatus: number; body: unknown; withEffect: boolean }
  | { kind: 'omitted'; transactionIds: string[]; booked: boolean }
  | { kind: 'never' };

/** One line of a POST transactions answer, frozen when the job ended: replays must not change. */
export interface AnsweredTransaction {
  entry: BookEntry;
  duplicate: boolean;
  ingested: boolean;
  syncedAtMs: number;
}

export interface AcceptedJob {
  id: string;
  connectionId: string | null;
  idempotencyKey: string | null;
  method: string;
  /** Path and parameters without the access_token, in a fixed order: half of the idempotency fingerprint. */
  target: string;
  bodySha256: string;
  acceptedAtMs: number;
  runMs: number;
  work: Work;
  planned: Outcome;
}

export interface JobRecord extends AcceptedJob {
  finishedAtMs: number | null;
  httpStatus: number | null;
  body: unknown;
  answered: AnsweredTransaction[] | null;
}
