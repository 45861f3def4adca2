import {
  comparedFields,
  differenceOf,
  foldedId,
  normalizedText,
} from '../../../clients/rutter/compare-transaction.js';
import type { RutterTransaction } from '../../../clients/rutter/schemas.js';
import {
  bodyVersions,
  toRutterPosting,
  type BodyVersion,
  type RutterPosting,
} from '../../../clients/rutter/transform.js';
import type { BatchExceptions } from '../../../db/rutter/complete-batch.js';
import type { DeliverablePosting } from '../../../domain/posting.js';

interface Remark {
  readonly transactionId: string;
  /** Names the fields that differ; their values are in the two records and need no third copy. */
  readonly detail: string;
}

/** What was sent, and to which account of Rutter. */
export interface SentContent {
  readonly postings: readonly DeliverablePosting[];
  /** The form in which they were sent. */
  readonly version: BodyVersion;
  readonly rutterAccountId: string;
  /** The list answers this very request. Rutter's own list does not: what it has under similar ids may be others. */
  readonly isAnswer: boolean;
}

/**
 * Compares Rutter's own list with what was sent (contract 8.3): success is not proof, the list is. Other account, id,
 * amount or day is a conflict, other text is not; a transaction that was there before (`duplicate`) is one with other
 * text too, since ours was dropped. One that the list does not name is missing, unless the list has it under an id that
 * the provider has folded: sending it again would not help, so it is a conflict.
 */
export function compareAnswer(
  sent: SentContent,
  answered: readonly RutterTransaction[],
): BatchExceptions & { readonly foldedCount: number } {
  // Backward, so that the first of two under one id counts: the second is one whose id was folded to it.
  const byId = new Map([...answered].reverse().map((each) => [each.transactionId, each]));
  const unmatched = new Set(answered);
  const duplicates: string[] = [];
  const altered: Remark[] = [];
  const conflicts: Remark[] = [];
  const absent: RutterPosting[] = [];
  for (const content of sent.postings) {
    const { transactionId } = content;
    const answer = byId.get(transactionId);
    if (answer === undefined) {
      absent.push(toRutterPosting(content, sent.version));
      continue;
    }
    unmatched.delete(answer);
    const remark = (fields: readonly string[]): Remark => ({ transactionId, detail: withOther(fields) });
    if (answer.duplicate === true) {
      const differing = differenceOfFirst(content, answer, sent);
      if (differing.length > 0) conflicts.push(remark(differing));
      else duplicates.push(transactionId);
      continue;
    }
    const posting = toRutterPosting(content, sent.version);
    const difference = differenceOf(posting, answer, sent.rutterAccountId);
    if (difference.conflicting.length > 0) conflicts.push(remark(difference.conflicting));
    else if (difference.altered.length > 0) altered.push(remark(difference.altered));
  }
  const folded = sent.isAnswer ? foldedAmong(absent, [...unmatched]) : new Set<string>();
  for (const transactionId of folded) {
    conflicts.push({ transactionId, detail: 'at Rutter under another id, which it made of ours' });
  }
  const missing = absent.map((posting) => posting.transaction_id).filter((id) => !folded.has(id));
  return { duplicates, altered, conflicts, missing, foldedCount: folded.size };
}

/**
 * How the content that Rutter was given first differs from ours. An earlier batch may have given it in another form: it
 * is the same when it is the same in one of them.
 */
function differenceOfFirst(
  content: DeliverablePosting,
  answer: RutterTransaction,
  sent: SentContent,
): readonly string[] {
  const inForm = (version: BodyVersion): string[] => {
    const { conflicting, altered } = differenceOf(
      toRutterPosting(content, version),
      answer,
      sent.rutterAccountId,
    );
    return [...conflicting, ...altered];
  };
  const others = bodyVersions.filter((version) => version !== sent.version);
  return others.some((version) => inForm(version).length === 0) ? [] : inForm(sent.version);
}

/** The fields in the order of the request. */
function withOther(fields: readonly string[]): string {
  const named = comparedFields.filter((field) => fields.includes(field));
  return `at Rutter with other ${named.join(', ')}`;
}

/**
 * The postings that an answer does not name, but that it has under another id: one that is the same when folded, else
 * one with the same amount, instant and description, each answered transaction for one posting.
 */
function foldedAmong(
  absent: readonly RutterPosting[],
  unmatched: readonly RutterTransaction[],
): ReadonlySet<string> {
  const rest = new Set(unmatched.filter((answer) => answer.transactionId !== null));
  const found = new Set<string>();
  const isFold = (posting: RutterPosting, answer: RutterTransaction): boolean =>
    foldedId(answer.transactionId ?? '') === foldedId(posting.transaction_id);
  const isContent = (posting: RutterPosting, answer: RutterTransaction): boolean =>
    answer.amount === posting.amount &&
    answer.postedAt === posting.posted_at &&
    normalizedText(answer.description ?? '') === normalizedText(posting.description);
  for (const isSame of [isFold, isContent]) {
    for (const posting of absent) {
      if (rest.size === 0) return found;
      if (found.has(posting.transaction_id)) continue;
      const answer = [...rest].find((each) => isSame(posting, each));
      if (answer === undefined) continue;
      found.add(posting.transaction_id);
      rest.delete(answer);
    }
  }
  return found;
}
