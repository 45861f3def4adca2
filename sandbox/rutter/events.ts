import type {
  AcceptedJob,
  AccountChange,
  ChallengeRecord,
  ConnectionRecord,
  ConnectionStatus,
  Outcome,
  PublicTokenRecord,
} from './records.js';

/** A breach of the contract by the client, or something worth knowing that breaks no rule. */
export interface Finding {
  rule: string;
  detail: string;
  at: string;
}

/**
 * Every change of the sandbox, one journal line each. Applying the same events in the same order produces the same
 * state, so the state survives kill -9.
 */
export type SandboxEvent =
  | { type: 'job_accepted'; job: AcceptedJob }
  | { type: 'job_finished'; jobId: string; atMs: number; outcome?: Outcome }
  | { type: 'connection_made'; connection: ConnectionRecord }
  | {
      type: 'connection_status';
      connectionId: string;
      status: ConnectionStatus;
      reason: string | null;
      atMs: number;
    }
  | { type: 'connection_linked'; connectionId: string; platform: string; atMs: number }
  | { type: 'connection_deleted'; connectionId: string }
  | { type: 'token_revoked'; connectionId: string; revoked: boolean }
  | { type: 'organisation_revoked'; revoked: boolean }
  | { type: 'public_token_made'; token: PublicTokenRecord }
  | { type: 'challenge_made'; challenge: ChallengeRecord }
  | { type: 'login_linked'; challenge: string; otp: string; atMs: number }
  | { type: 'account_changed'; accountId: string; change: AccountChange }
  | { type: 'sage_pulled'; atMs: number }
  | { type: 'book_forgot'; accountId: string; transactionIds: readonly string[] }
  | { type: 'clock_moved'; offsetMs: number }
  | { type: 'violation'; finding: Finding }
  | { type: 'note'; finding: Finding }
  | { type: 'violations_cleared' };
