import type { StoredPostings } from '../db/postings.js';
import { limits } from '../domain/limits.js';
import { describeConflict } from '../domain/posting-conflict.js';
import type { PostingError, PostingProblem } from '../domain/posting-input.js';
import type { ProblemEntry } from './problem.js';

/** A rejected item; `index` counts items of the list, or lines of the stream, from 0. */
interface Rejected {
  readonly transaction_id: string | null;
  readonly index: number;
  /** Everything that is wrong with it, in one text. */
  readonly reason: string;
  /** JSON pointer into the body, or into the line: the first wrong field. */
  readonly pointer: string;
  readonly errors: readonly PostingError[];
}

interface Conflict {
  readonly transaction_id: string;
  readonly reason: string;
  readonly code: string;
}

/** An item that is stored although something about it is odd. */
interface Warning {
  readonly transaction_id: string;
  readonly index: number;
  readonly reason: string;
}

/** Counts the outcomes of the postings of one call. Lists are capped, which bounds memory; totals are exact. */
export class IngestTally {
  accepted = 0;
  repeated = 0;
  conflictsTotal = 0;
  rejectedTotal = 0;
  warningsTotal = 0;
  private readonly conflicts: Conflict[] = [];
  private readonly rejected: Rejected[] = [];
  private readonly warnings: Warning[] = [];

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
    const errors = input.problem.errors.map(({ pointer, reason }) => ({
      pointer: input.pointerPrefix + pointer,
      reason,
    }));
    this.rejected.push({
      transaction_id: input.problem.transactionId,
      index: input.index,
      reason: errors.map(({ reason }) => reason).join('; '),
      pointer: errors[0]?.pointer ?? input.pointerPrefix,
      errors,
    });
  }

  addWarning(input: { index: number; transactionId: string; reason: string }): void {
    this.warningsTotal += 1;
    if (this.warnings.length >= limits.ingestListMax) return;
    this.warnings.push({
      transaction_id: input.transactionId,
      index: input.index,
      reason: input.reason,
    });
  }

  /** Whether the call did nothing: something was rejected, and nothing else came of it. */
  get nothingTaken(): boolean {
    return this.rejectedTotal > 0 && this.accepted + this.repeated + this.conflictsTotal === 0;
  }

  /** The findings in the form of other refused bodies. */
  errors(): ProblemEntry[] {
    return this.rejected.flatMap(({ errors }) =>
      errors.map(({ pointer, reason }) => ({ pointer, message: reason })),
    );
  }

  /** The answer's body. Contradictions of sign and type are found after the other errors of their chunk. */
  toJson() {
    this.rejected.sort((one, other) => one.index - other.index);
    return {
      accepted: this.accepted,
      repeated: this.repeated,
      conflicts: this.conflicts,
      conflicts_total: this.conflictsTotal,
      rejected: this.rejected,
      rejected_total: this.rejectedTotal,
      warnings: this.warnings,
      warnings_total: this.warningsTotal,
    };
  }
}
