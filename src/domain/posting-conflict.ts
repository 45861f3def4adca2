import type { PostingStatus } from './posting-input.js';

/** Why a posting with a known id and other content does not replace the stored one. */
export const conflictCodes = ['other_content', 'already_posted', 'already_void'] as const;
export type ConflictCode = (typeof conflictCodes)[number];

/**
 * Whether a posting may replace a stored one with the same id and other content: only a pending one is replaced.
 * Posted is final, since it may be in a batch already; void is final, so that a withdrawn posting stays withdrawn.
 */
export function conflictOf(input: { stored: PostingStatus; received: PostingStatus }): ConflictCode | null {
  switch (input.stored) {
    case 'pending':
      return null;
    case 'posted':
      return input.received === 'posted' ? 'other_content' : 'already_posted';
    case 'void':
      return input.received === 'void' ? 'other_content' : 'already_void';
    default:
      return input.stored satisfies never;
  }
}

/** The sentence that an API caller reads. */
export function describeConflict(code: ConflictCode): string {
  switch (code) {
    case 'other_content':
      return 'this id is stored with other content; nothing was overwritten';
    case 'already_posted':
      return 'this id is stored as posted, which is final; correct it with a transaction that names it in "corrects"';
    case 'already_void':
      return 'this id was withdrawn, which is final; send the transaction under a new id';
    default:
      return code satisfies never;
  }
}
