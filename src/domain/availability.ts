/** A part that the service needs: it is named in logs, metrics and readiness. */
export type PartName = 'database' | 'temporal' | 'rutter' | 'sage-banking';

/** Why a part cannot be used: a code from a bounded set (SQLSTATE, gRPC code, HTTP status), and a text without secrets. */
export interface Cause {
  readonly code: string;
  readonly text: string;
}

export interface CurrentCause extends Cause {
  readonly sinceMs: number;
}

/** Reports a new cause, and the end of the last one. */
export interface AvailabilityReporter {
  readonly unavailable: (event: { part: PartName } & CurrentCause) => void;
  readonly availableAgain: (event: { part: PartName; code: string; forMs: number }) => void;
}

/** What is known of one part from the calls that are made to it anyway. */
export interface Availability {
  readonly part: PartName;
  /** Null while calls succeed, and when none has failed for {@link forgottenMs}. */
  current(): CurrentCause | null;
  failed(cause: Cause): void;
  succeeded(): void;
}

/** No call may fail for this long, so that a part that answers every second call is reported once. */
export const quietMs = 5_000;
/**
 * Nothing is known of a part that was not called for so long: another process may have made the call that succeeded. Longer
 * than any wait between two attempts.
 */
export const forgottenMs = 5 * 60_000;
/** Causes that take turns are reported again only after this time. */
export const repeatReportMs = 60_000;
/** The causes of one outage that are remembered as reported. */
const causesMax = 50;

/**
 * Follows one part: a cause is reported when it is another than the one before, however many calls fail. Numbers in a text,
 * such as ports and process ids, make no other cause.
 */
export function createAvailability(input: {
  part: PartName;
  reporter: AvailabilityReporter;
  nowMs: () => number;
}): Availability {
  const { part, reporter, nowMs } = input;
  const reportedAtMs = new Map<string, number>();
  let cause: CurrentCause | null = null;
  let lastFailureMs = 0;
  let succeededSince = false;
  const endWhenQuiet = (): void => {
    if (cause === null) return;
    const now = nowMs();
    if (now - lastFailureMs < (succeededSince ? quietMs : forgottenMs)) return;
    reporter.availableAgain({ part, code: cause.code, forMs: now - cause.sinceMs });
    cause = null;
    reportedAtMs.clear();
  };
  return {
    part,
    // The one success of a part that is called once an hour may have come soon after the failure.
    current: () => {
      endWhenQuiet();
      return cause;
    },
    failed: (next) => {
      endWhenQuiet();
      const now = nowMs();
      lastFailureMs = now;
      succeededSince = false;
      if (cause !== null && keyOf(cause) === keyOf(next)) return;
      cause = { code: next.code, text: next.text, sinceMs: cause?.sinceMs ?? now };
      const key = keyOf(next);
      if (now - (reportedAtMs.get(key) ?? -Infinity) < repeatReportMs) return;
      if (reportedAtMs.size >= causesMax) reportedAtMs.clear();
      reportedAtMs.set(key, now);
      reporter.unavailable({ part, ...cause });
    },
    succeeded: () => {
      succeededSince = true;
      endWhenQuiet();
    },
  };
}

function keyOf({ code, text }: Cause): string {
  return `${code} ${text.replace(/\d+/g, '0')}`;
}
