import { isNotFound } from '../../../clients/rutter/errors.js';
import { readLastJob, type OpenBatch } from '../../../db/rutter/batches.js';
import type { AccountSeen } from '../../../domain/rutter/transitions.js';
import { connectionFacts, type ConnectionFacts } from '../../../domain/rutter/connection.js';
import { readAccount } from './read-account.js';
import type { BatchContext } from './batch-context.js';

/** What, other than its postings, explains that a batch was refused. */
export type Explanation =
  | { readonly kind: 'account'; readonly account: AccountSeen }
  | { readonly kind: 'connection'; readonly connection: ConnectionFacts }
  /** The connection is not ready, or its last job has not ended after all. */
  | { readonly kind: 'not_yet'; readonly what: string };

/**
 * Reads everything at Rutter that could explain a refusal without a specific code: account, connection, and the
 * last job of the connection. Null: nothing does, so the postings are the cause.
 */
export async function findExplanation(context: BatchContext, batch: OpenBatch): Promise<Explanation | null> {
  const account = await readAccount(context);
  if (!account.ready) return { kind: 'account', account };
  const { accessToken, signal, deps } = context;
  const connection = connectionFacts(
    await deps.rutter.getConnectionStatus({ accessToken, priority: 'delivery', signal }),
  );
  if (connection.status !== 'ok') return { kind: 'connection', connection };
  if (connection.providerStatus === 'not_ready')
    return { kind: 'not_yet', what: 'the connection is not ready' };
  if (await lastJobRuns(context, batch)) {
    return { kind: 'not_yet', what: 'an earlier job of the connection has not ended' };
  }
  return null;
}

async function lastJobRuns(context: BatchContext, batch: OpenBatch): Promise<boolean> {
  const { deps, feed, signal } = context;
  const jobId = await readLastJob(deps.pool, { connectionId: feed.connectionId, batchId: batch.batchId });
  if (jobId === null) return false;
  try {
    return (await deps.rutter.getJob({ jobId, signal })).kind === 'running';
  } catch (error) {
    // Rutter does not keep jobs for ever: an unknown one has ended.
    if (isNotFound(error)) return false;
    throw error;
  }
}
