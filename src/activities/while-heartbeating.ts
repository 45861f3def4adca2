import { heartbeat } from '@temporalio/activity';

/** Shorter than the heartbeat time-out of 10 s even when one is lost. */
const heartbeatEveryMs = 3_000;

/** Runs `work` while telling Temporal that this process is alive; cancellation arrives only this way. */
export async function whileHeartbeating<T>(work: () => Promise<T>): Promise<T> {
  const timer = setInterval(() => {
    heartbeat();
  }, heartbeatEveryMs);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}
