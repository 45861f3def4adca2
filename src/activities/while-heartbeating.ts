import { heartbeat } from '@temporalio/activity';

/** Below the heartbeat time-out of 10 s, even when one heartbeat is lost. */
const heartbeatEveryMs = 3_000;

/**
 * Runs `work` and sends heartbeats meanwhile; cancellation arrives only with them. `details`: what the next attempt of the
 * activity finds in its `heartbeatDetails`.
 */
export async function whileHeartbeating<T>(work: () => Promise<T>, details?: () => unknown): Promise<T> {
  const timer = setInterval(() => {
    heartbeat(details?.());
  }, heartbeatEveryMs);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}
