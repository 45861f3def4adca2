import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import { isRutterError } from '../../../clients/rutter/errors.js';
import type { ConnectionRow } from '../../../db/connections.js';
import {
  readFeedInFlight,
  recordUnlinked,
  recordUnlinkRefused,
} from '../../../db/rutter/unlink-connection.js';
import { failureTypes } from '../../../domain/failures.js';
import type { RutterDeps } from '../deps.js';
import { whileHeartbeating } from '../../while-heartbeating.js';
import { recordingRejectedCredentials, requireCredentials } from '../rejected-credentials.js';

/** A batch in flight is checked again after this; one that a person must decide on may take a day. */
const inFlightPollMaxMs = 60_000;
/** A deletion that Rutter refuses is tried again at long intervals. */
const refusedPollMs = 15 * 60_000;

export type UnlinkResult =
  | { readonly kind: 'unlinked' }
  | { readonly kind: 'waits' | 'refused'; readonly nextPollMs: number };

/**
 * Deletes a connection at Rutter (contract 5.2) once nothing of it is in flight, and closes its feeds. A repeat is safe:
 * each step reads the rows first, and a connection that Rutter does not know any more counts as deleted. A refused
 * connection cannot tell the outcome of its open batch: it is deleted, and an operator decides the batch (alert
 * `batch_undecided`).
 *
 * @throws the client's retryable errors, and CredentialsRejected
 */
export async function unlinkConnection(
  deps: RutterDeps,
  input: { readonly connection: ConnectionRow; readonly nextPollMs: number | null },
): Promise<UnlinkResult> {
  const { connectionId, rutterConnectionId, status } = input.connection;
  const feedInFlight = await readFeedInFlight(deps.pool, { connectionId });
  if (feedInFlight !== null && status !== 'refused') {
    await deps.workflows.feedFactsChanged({ feedId: feedInFlight });
    return { kind: 'waits', nextPollMs: Math.min(input.nextPollMs ?? inFlightPollMaxMs, inFlightPollMaxMs) };
  }
  await requireCredentials(deps);
  const { cancellationSignal: signal } = Context.current();
  try {
    const deletion = await recordingRejectedCredentials(deps, () =>
      whileHeartbeating(() => deps.rutter.deleteConnection({ connectionId: rutterConnectionId, signal })),
    );
    if (deletion === 'not_deleted') {
      const message = 'Rutter answered that the connection was not deleted';
      throw ApplicationFailure.create({ message, type: failureTypes.providerUnavailable });
    }
    const wasGone = deletion === 'gone';
    const closed = await recordUnlinked(deps.pool, { connectionId, wasGone, feedInFlight });
    for (const feedId of closed) await deps.workflows.feedFactsChanged({ feedId });
    return { kind: 'unlinked' };
  } catch (error) {
    if (!isRutterError(error) || error.kind !== 'refused') throw error;
    await recordUnlinkRefused(deps.pool, { connectionId, message: error.message });
    return { kind: 'refused', nextPollMs: refusedPollMs };
  }
}
