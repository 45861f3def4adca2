import type { RutterTransaction } from '../../../clients/rutter/schemas.js';
import { sameContent, toRutterPosting, type BodyVersion } from '../../../clients/rutter/transform.js';
import type { BatchExceptions } from '../../../db/rutter/complete-batch.js';
import type { DeliverablePosting } from '../../../domain/posting.js';

/**
 * Compares Rutter's own list with what was sent (contract 8.3): success is not proof, the list is. A transaction that
 * was there before counts as delivered when it carries our content and as a conflict when it does not; one that the
 * list does not name is missing.
 */
export function compareAnswer(
  sent: { readonly postings: readonly DeliverablePosting[]; readonly version: BodyVersion },
  answered: readonly RutterTransaction[],
): BatchExceptions {
  const byId = new Map(answered.map((transaction) => [transaction.transactionId, transaction]));
  const duplicates: string[] = [];
  const conflicts: { transactionId: string; detail: string }[] = [];
  const missing: string[] = [];
  for (const posting of sent.postings) {
    const answer = byId.get(posting.transactionId);
    if (answer === undefined) missing.push(posting.transactionId);
    else if (!sameContent(posting, answer, sent.version)) {
      conflicts.push({
        transactionId: posting.transactionId,
        detail: differenceOf(posting, answer, sent.version),
      });
    } else if (answer.duplicate === true) duplicates.push(posting.transactionId);
  }
  return { duplicates, conflicts, missing };
}

/** Names the fields that differ; their values are in the two records and need no third copy. */
function differenceOf(posting: DeliverablePosting, answer: RutterTransaction, version: BodyVersion): string {
  const sentAt = toRutterPosting(posting, version).posted_at;
  const differing = [
    Number(posting.amount) === answer.amount ? null : 'amount',
    answer.postedAt !== null && Date.parse(sentAt) === Date.parse(answer.postedAt) ? null : 'posted_at',
    posting.description === answer.description ? null : 'description',
  ].filter((field) => field !== null);
  return `at Rutter with other ${differing.length > 0 ? differing.join(', ') : 'content'}`;
}
