import type { StoredPostings } from '../db/postings.js';
import { limits } from '../domain/limits.js';
import { describeConflict } from '../domain/posting-conflict.js';
import type { PostingProblem } from '../domain/posting-input.js';

/** A rejected item; `index` counts items of the list, or lines of the stream, from 0. */
interface Rejected {
  readonly transaction_id: string | null;
  readonly index: number;
  readonly reason: string;
  /** JSON pointer into the body, or into the line. */
  readonly pointer: string;
}

interface Conflict {
  readonly transaction_id: string;
  readonly reason: string;
  readonly code: string;
}

/** Counts the outcomes of the postings of one call. Lists are capped, which bounds memory; totals are exact. */
export class IngestTally {
  accepted = 0;
  repeated = 0;
  conflictsTotal = 0;
  rejectedTotal = 0;
  private readonly conflicts: Conflict[] = [];
  private readonly rejected: Rejected[] = [];

  addStored(stored: StoredPostings): void {
    this.accepted += stored.accepted;
    this.repeated += stored.repeated;
    this.conflictsTotal += stored.conflicts.length;
    for (const { transactionId, code } of stored.conflicts) {
      if (this.conflicts.length >= limits.ingestListMax) return;
      this.conflicts.push({ transaction_id: transactionId, reason: describeConflict(code), code });
    }
  }

  addRejected(input: { index: number; problem: PostingProblem; pointerPrefix: string }): void {
    this.rejectedTotal += 1;
    if (this.rejected.length >= limits.ingestListMax) return;
    this.rejected.push({
      transaction_id: input.problem.transactionId,
      index: input.index,
      reason: input.problem.reason,
      pointer: input.pointerPrefix + input.problem.pointer,
    });
  }

  /** The answer's body. */
  toJson() {
    return {
      accepted: this.accepted,
      repeated: this.repeated,
      conflicts: this.conflicts,
      conflicts_total: this.conflictsTotal,
      rejected: this.rejected,
      rejected_total: this.rejectedTotal,
    };
  }
}
