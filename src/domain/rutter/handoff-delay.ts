import type { HandoffFailureCause } from './handoff-end.js';

/** When the page of a handoff says that it takes too long. */
export const handoffDelayLimits = {
  /** No step has succeeded for this long: the page says who is not answering. */
  notAnsweringAfterMs: 20_000,
  /** How often a worker marks the handoff as its work. */
  workMarkEveryMs: 5_000,
  /** Without a mark for this long no worker is at it: three marks were missed. */
  workedOnWithinMs: 15_000,
} as const;

/** Who is not answering. */
export type HandoffDelay = 'provider' | 'service';

/**
 * Who keeps a customer waiting; null while steps succeed.
 *
 * @param waiting ages by the database's clock; `quietMs` since the last step that succeeded, `workedAgoMs` since a worker
 *   was at it, null if none was
 */
export function delayOf(waiting: {
  readonly quietMs: number;
  readonly workedAgoMs: number | null;
  readonly failureCause: HandoffFailureCause | null;
}): HandoffDelay | null {
  const { quietMs, workedAgoMs, failureCause } = waiting;
  if (quietMs < handoffDelayLimits.notAnsweringAfterMs) return null;
  const isWorkedOn = workedAgoMs !== null && workedAgoMs <= handoffDelayLimits.workedOnWithinMs;
  return isWorkedOn && failureCause !== 'service_unavailable' ? 'provider' : 'service';
}
