import { ApplicationFailure } from '@temporalio/common';
import type { RutterErrorBody } from '../../clients/rutter/errors.js';
import { undoBatch, type OpenBatch } from '../../db/batches.js';
import { recordAccountSeen, recordConnectionRefused, recordReason } from '../../db/feed-facts.js';
import { transaction } from '../../db/pool.js';
import { failureTypes } from '../../domain/failures.js';
import type { BatchContext, BatchEnding } from './batch-context.js';
import { readAccount } from './read-account.js';
import { meaningOfRefusal } from './refusals.js';

/** Our stored hash matches and Rutter says otherwise: a bug on one side. Look again, but not in a hurry. */
const keyConflictRetryMs = 60_000;

export interface RefusalInput {
  readonly refusal: RutterErrorBody & { readonly httpStatus: number };
  /** How to get rid of the batch when an earlier POST of its key is in doubt; by default it is simply undone. */
  readonly undo?: (() => Promise<BatchEnding>) | undefined;
}

/**
 * Acts on a refusal of a batch. Nothing was synced, so the batch is undone and its postings are ready again; the feed
 * waits for what explains the refusal (account, connection), or is parked with Rutter's words for a person.
 */
export async function reactToRefusal(
  context: BatchContext,
  batch: OpenBatch,
  input: RefusalInput,
): Promise<BatchEnding> {
  const { refusal } = input;
  const { pool } = context.deps;
  const feedId = context.feed.feedId;
  switch (meaningOfRefusal(refusal)) {
    case 'in_progress':
      throw later(failureTypes.peerUnavailable, 'another batch of the connection is in flight at Rutter');
    case 'key_conflict':
      await recordReason(pool, {
        feedId,
        reason: 'conflict_with_peer',
        detail: words(refusal),
        timeline: true,
      });
      throw later(failureTypes.unexpected, 'Rutter knows the key with other bytes', keyConflictRetryMs);
    case 'connection_refused': {
      const { connectionId } = context.feed;
      const code = refusal.errorCode ?? String(refusal.httpStatus);
      // In doubt nobody can read back now: the batch stays open and is settled when the connection is healed.
      const ending =
        input.undo === undefined ? await undo(context, batch, refusal) : ({ kind: 'parked' } as const);
      await recordConnectionRefused(pool, { connectionId, code, words: refusal.errorMessage });
      await context.deps.workflows.nudgeConnection({ connectionId });
      return ending;
    }
    case 'account_not_ready':
      return await afterAccountNotReady(context, batch, input);
    case 'postings_refused': {
      const ending = await rid(context, batch, input);
      if (ending.kind === 'undone') {
        await recordReason(pool, {
          feedId,
          reason: 'refused_by_sage',
          detail: words(refusal),
          timeline: true,
        });
      }
      return ending;
    }
  }
}

async function afterAccountNotReady(
  context: BatchContext,
  batch: OpenBatch,
  input: RefusalInput,
): Promise<BatchEnding> {
  const ending = await rid(context, batch, input);
  const account = await readAccount(context);
  await recordAccountSeen(context.deps.pool, { ...context.feed, account });
  if (account.ready)
    throw later(failureTypes.peerUnavailable, 'Rutter refuses an account that it calls ready');
  await context.deps.workflows.nudgeConnection({ connectionId: context.feed.connectionId });
  return ending;
}

async function rid(context: BatchContext, batch: OpenBatch, input: RefusalInput): Promise<BatchEnding> {
  return await (input.undo?.() ?? undo(context, batch, input.refusal));
}

async function undo(context: BatchContext, batch: OpenBatch, refusal: RutterErrorBody): Promise<BatchEnding> {
  const { laneId, holder, deps } = context;
  const undone = await transaction(deps.pool, (db) =>
    undoBatch(db, { batch, laneId, holder, errorCode: refusal.errorCode }),
  );
  return { kind: undone ? 'undone' : 'lease_lost' };
}

/** Rutter's own words for people: code first, then its message, which the client has redacted and cut. */
function words(refusal: RefusalInput['refusal']): string {
  return [String(refusal.httpStatus), refusal.errorCode, refusal.errorMessage].filter(Boolean).join(' ');
}

function later(type: string, message: string, afterMs?: number): ApplicationFailure {
  return ApplicationFailure.create({
    message,
    type,
    ...(afterMs === undefined ? {} : { nextRetryDelay: afterMs }),
  });
}
