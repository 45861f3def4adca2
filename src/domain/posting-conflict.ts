import type { PostingStatus } from './posting-input.js';

/** Why a posting with a known id and other content does not replace the stored one. */
export const conflictCodes = [
  'other_content',
  'already_posted',
  'already_in_batch',
  'already_refused',
  'already_void',
] as const;
export type ConflictCode = (typeof conflictCodes)[number];

/**
 * What the feeds of its account did with a posting: `none` has put it into a batch; it is `in_batch` of one at least,
 * sent or about to be; or it was only `refused` there and waits for an operator, or was discarded by one.
 */
export type PostingUse = 'none' | 'in_batch' | 'refused';

/**
 * Whether a posting may replace a stored one with the same id and other content. A pending one is replaced. A posted one
 * is final but for its withdrawal, which is possible until a feed has put it into a batch. Void is final, so that a
 * withdrawn posting stays withdrawn.
 */
export function conflictOf(input: {
  stored: PostingStatus;
  received: PostingStatus;
  /** Of the stored posting. */
  use: PostingUse;
}): ConflictCode | null {
  switch (input.stored) {
    case 'pending':
      return null;
    case 'posted':
      if (input.received === 'void') return withdrawalConflict(input.use);
      return input.received === 'posted' ? 'other_content' : 'already_posted';
    case 'void':
      return input.received === 'void' ? 'other_content' : 'already_void';
    default:
      return input.stored satisfies never;
  }
}

function withdrawalConflict(use: PostingUse): ConflictCode | null {
  if (use === 'none') return null;
  return use === 'in_batch' ? 'already_in_batch' : 'already_refused';
}

/** The sentence that an API caller reads: what happened, and what to send instead. */
export function describeConflict(code: ConflictCode): string {
  switch (code) {
    case 'other_content':
      return 'this id is stored with other content; nothing was overwritten: send a transaction of its own under a new id, or a correction that names this id in "corrects"';
    case 'already_posted':
      return 'this id is stored as posted, which is final; correct it with a transaction that names it in "corrects"';
    case 'already_in_batch':
      return 'this id is in a batch for Sage and can no longer be withdrawn; send a correction instead: a new transaction with the opposite amount that names this id in "corrects"';
    case 'already_refused':
      return 'this id was refused on its way to Sage and waits for an operator, or was discarded; it is not at Sage, and an operator can discard it';
    case 'already_void':
      return 'this id was withdrawn, which is final; send the transaction under a new id';
    default:
      return code satisfies never;
  }
}
