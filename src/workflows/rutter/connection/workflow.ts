import { deliveryLimits } from '../../../domain/rutter/delivery-limits.js';
import {
  ActivityFailure,
  ApplicationFailure,
  allHandlersFinished,
  condition,
  continueAsNew,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { RutterActivities } from '../../../activities/rutter/channel.js';
import type { ReadConnectionResult } from '../../../activities/rutter/connection/read-connection.js';
import { failureTypes } from '../../../domain/failures.js';
import { limits } from '../../../domain/limits.js';
import { awaitAtAllMs } from '../../../domain/rutter/schedule.js';
import { interactive } from '../../activity-options.js';
import { connectionCheckRequested, type ConnectionInput } from './messages.js';

/*
 * Runs while a connection or one of its feeds waits for something: the activation of a feed, the return of a disconnected
 * account, the recovery of the connection itself. One `GET accounts` serves all its feeds; those that may send are woken.
 * Message: `connectionCheckRequested` (checks at once, then at short intervals again). Ends when nothing is awaited, or after
 * 30 days without a wake-up; renews when the server suggests it.
 */

/** Rutter unexpectedly refuses the read itself: poll at long intervals. */
const unexpectedRefusalPollMs = 15 * 60_000;

const { rutterReadConnection } = proxyActivities<RutterActivities>(interactive.providerReads);

export async function connectionWorkflow(input: ConnectionInput): Promise<void> {
  const startedAtMs = Date.now();
  let awaitedSinceMs = input.carried?.awaitedSinceMs ?? startedAtMs;
  let woken = true;
  setHandler(connectionCheckRequested, () => {
    woken = true;
    awaitedSinceMs = Date.now();
  });

  for (;;) {
    woken = false;
    const result = await readConnection(input.connectionId, Date.now() - awaitedSinceMs);
    setCurrentDetails(describe(result));
    if (result.nextPollMs === null) {
      // A wake-up that arrived during the check requires another check before the end.
      if (isCheckRequested()) continue;
      return;
    }
    await condition(isCheckRequested, result.nextPollMs);
    if (workflowInfo().continueAsNewSuggested || Date.now() - startedAtMs >= limits.runAgeMaxMs) {
      await condition(allHandlersFinished);
      const { connectionId } = input;
      await continueAsNew<typeof connectionWorkflow>({ connectionId, carried: { awaitedSinceMs } });
    }
  }

  function isCheckRequested(): boolean {
    return woken;
  }
}

async function readConnection(connectionId: string, awaitedForMs: number): Promise<ReadConnectionResult> {
  try {
    return await rutterReadConnection({ connectionId, awaitedForMs });
  } catch (error) {
    const cause = error instanceof ActivityFailure ? error.cause : undefined;
    const type = cause instanceof ApplicationFailure ? cause.type : undefined;
    if (type === failureTypes.credentialsRejected) {
      return { refused: false, awaitedCount: 0, nextPollMs: deliveryLimits.credentialsProbeMs };
    }
    if (type === failureTypes.obsolete) return { refused: true, awaitedCount: 0, nextPollMs: null };
    if (type === failureTypes.refused || type === failureTypes.connectionRefused) {
      const nextPollMs = awaitedForMs < awaitAtAllMs ? unexpectedRefusalPollMs : null;
      return { refused: true, awaitedCount: 0, nextPollMs };
    }
    throw error;
  }
}

function describe(result: ReadConnectionResult): string {
  if (result.refused) return 'Rutter refuses the connection; checking whether it was re-authorized.';
  if (result.nextPollMs === null) return 'Nothing is awaited any more.';
  return `Waiting for ${String(result.awaitedCount)} account(s) to be chosen in Sage.`;
}
