import { deliveryLimits } from '../../../domain/rutter/delivery-limits.js';
import { ApplicationFailure } from '@temporalio/common';
import { isRutterError } from '../../../clients/rutter/errors.js';
import type { OpenBatch, StoredRefusal } from '../../../db/rutter/batches.js';
import { recordAccountSeen, recordConnectionRefused } from '../../../db/rutter/feed-facts.js';
import type { AccountSeen } from '../../../domain/rutter/transitions.js';
import { closeRefusedBatch } from '../../../db/rutter/refused-batches.js';
import { failureTypes } from '../../../domain/failures.js';
import { unreachable } from '../../../domain/feed.js';
import { namedTransaction } from '../../../domain/rutter/bisection-plan.js';
import { findExplanation } from './find-explanation.js';
import { readAccount } from './read-account.js';
import { meaningOfRefusal, refusalMessageOf, type ProviderRefusal } from './refusals.js';
import { resolveByReadBack, resolveOrUndo } from './resolve-by-read-back.js';
import type { BatchContent } from './batch-content.js';
import type { BatchContext } from './batch-context.js';
import type { BatchOutcome } from './batch-outcome.js';
import { blockFeed, renewBatch, undo } from './end-attempt.js';

/** A batch that was refused, and how. */
interface Refused {
  readonly context: BatchContext;
  readonly batch: OpenBatch;
  readonly content: BatchContent;
  readonly refusal: ProviderRefusal & Pick<StoredRefusal, 'jobId'>;
  /** Rutter had accepted the request: this is the final outcome of its key. */
  readonly accepted: boolean;
}

/**
 * Acts on a refusal of a batch. Nothing was synced: the batch is undone, and the feed waits for what explains the
 * refusal (account, connection) or is blocked with the provider message. Where nothing else explains it, the postings
 * do: the batch is sent again in parts until the refused ones are isolated.
 */
export async function reactToRefusal(refused: Refused): Promise<BatchOutcome> {
  const { context, batch, refusal } = refused;
  const meaning = meaningOfRefusal(refusal);
  switch (meaning) {
    case 'in_progress':
      // Accepted, then refused as a second batch in flight: the key replays that, so the bytes need a new key.
      if (refused.accepted) return await renewBatch(context, batch, refusal);
      throw later(failureTypes.providerUnavailable, 'another batch of the connection is in flight at Rutter');
    case 'key_conflict':
      return await afterKeyConflict(refused);
    case 'connection_refused': {
      const code = refusal.errorCode ?? String(refusal.httpStatus);
      return await afterConnectionRefused(refused, { code, message: refusal.errorMessage });
    }
    case 'account_not_ready':
      return await afterAccountNotReady(refused, await readAccount(context));
    case 'request_refused':
      return await afterRequestRefused(refused);
    case 'postings_refused':
      return await afterPostingsRefused(refused);
    default:
      return unreachable(meaning);
  }
}

async function afterKeyConflict({ context, refusal }: Refused): Promise<never> {
  await blockFeed(context, 'conflict_with_provider', refusalMessageOf(refusal));
  throw later(
    failureTypes.unexpected,
    'Rutter knows the key with other bytes',
    deliveryLimits.keyConflictRetryMs,
  );
}

async function afterConnectionRefused(
  refused: Refused,
  cause: { code: string; message: string | null },
): Promise<BatchOutcome> {
  const { context, batch, refusal } = refused;
  const { connectionId } = context.feed;
  // With an unknown outcome the batch stays open: it cannot be read back before the connection recovers.
  const ending: BatchOutcome = isOutcomeUnknown(refused)
    ? { kind: 'blocked' }
    : await undo(context, batch, refusal);
  await recordConnectionRefused(context.deps.pool, { connectionId, ...cause });
  await context.deps.workflows.wakeConnection({ connectionId });
  return ending;
}

async function afterAccountNotReady(refused: Refused, account: AccountSeen): Promise<BatchOutcome> {
  const { context, batch, refusal } = refused;
  const { deps, feed } = context;
  if (account.ready) {
    if (refused.accepted) return await renewBatch(context, batch, refusal);
    throw later(failureTypes.providerUnavailable, 'Rutter refuses an account that it calls ready');
  }
  const ending = await undoOrResolve(refused);
  const { bankTimeZone } = deps.settings;
  await recordAccountSeen(deps.pool, { feedId: feed.feedId, account, bankTimeZone });
  await deps.workflows.wakeConnection({ connectionId: feed.connectionId });
  return ending;
}

async function afterRequestRefused(refused: Refused): Promise<BatchOutcome> {
  const { context, refusal } = refused;
  const ending = await undoOrResolve(refused);
  if (ending.kind === 'undone') await blockFeed(context, 'rejected_by_provider', refusalMessageOf(refusal));
  return ending;
}

async function afterPostingsRefused(refused: Refused): Promise<BatchOutcome> {
  const { context, batch, content, refusal } = refused;
  let explanation;
  try {
    explanation = await findExplanation(context, batch);
  } catch (error) {
    // The key replays this refusal, and its explanation may be gone by the next read: send again under a new key.
    if (refused.accepted && isRutterError(error)) return await renewBatch(context, batch, refusal);
    throw error;
  }
  switch (explanation?.kind) {
    case 'account':
      return await afterAccountNotReady(refused, explanation.account);
    case 'connection': {
      const { providerStatus: code, reason } = explanation.connection;
      return await afterConnectionRefused(refused, { code, message: reason ?? refusal.errorMessage });
    }
    case 'not_yet':
      // The key replays this refusal, and by then nothing may explain it any more.
      if (refused.accepted) return await renewBatch(context, batch, refusal);
      throw later(failureTypes.providerUnavailable, explanation.what);
    case undefined:
      break;
    default:
      return unreachable(explanation);
  }
  if (isOutcomeUnknown(refused)) {
    const found = await resolveByReadBack(context, batch, content);
    if (found.kind !== 'absent') return found;
  }
  const ids = content.postings.map((posting) => posting.transactionId);
  const outcome = await closeRefusedBatch(context.deps.pool, {
    batch,
    deliveryLockId: context.deliveryLockId,
    holder: context.holder,
    refusal,
    message: refusalMessageOf(refusal),
    hint: namedTransaction(refusal.errorMessage, ids),
    blockReason: 'rejected_by_provider',
  });
  return { kind: outcome === 'lock_lost' ? 'lock_lost' : 'undone' };
}

/** A refused repeat that was not accepted says nothing about an earlier POST under the same key. */
function isOutcomeUnknown(refused: Refused): boolean {
  return refused.batch.outcomeUnknown && !refused.accepted;
}

/**
 * Undoes the batch; with an unknown outcome of an earlier POST Rutter's list is read first: what it has is delivered.
 */
async function undoOrResolve(refused: Refused): Promise<BatchOutcome> {
  const { context, batch, content, refusal } = refused;
  return isOutcomeUnknown(refused)
    ? await resolveOrUndo(context, batch, content, refusal)
    : await undo(context, batch, refusal);
}

function later(type: string, message: string, afterMs?: number): ApplicationFailure {
  return ApplicationFailure.create({
    message,
    type,
    ...(afterMs === undefined ? {} : { nextRetryDelay: afterMs }),
  });
}
