import { Context, heartbeat, log } from '@temporalio/activity';
import type { FeedStatus, ReportedStatus } from '../domain/feed-status.js';
import { loggableError } from '../logger.js';

/**
 * Reports the status of a feed while its activity goes on: the workflow sees nothing of an attempt that failed and is
 * retried by Temporal. One log line and one signal for each change of reason or cause, none for a healthy feed. What was
 * reported last is in the heartbeats, so that the next attempt, on whichever worker, does not report it again; a report
 * that Temporal did not take is made again by the next attempt.
 */
export class StatusReport {
  private reported: string;

  /** @param shown what the workflow showed when it started the activity; undefined where an older one did */
  constructor(
    private readonly feedId: string,
    shown: ShownStatus | undefined,
    private readonly send: (status: ReportedStatus) => Promise<void>,
  ) {
    const details: unknown = Context.current().info.heartbeatDetails;
    this.reported = typeof details === 'string' ? details : keyOf(shown);
  }

  /** For the heartbeats of the activity. */
  readonly details = (): string => this.reported;

  /** The attempt goes on, or fails. Never throws: the row has the status. */
  async now(status: ReportedStatus): Promise<void> {
    if (!this.note(status)) return;
    try {
      await this.send(status);
      this.reported = keyOf(shownOf(status));
      heartbeat(this.reported);
    } catch (error) {
      log.warn('status not reported', { feedId: this.feedId, error: loggableError(error) });
    }
  }

  /** Nothing was reported that a success could end. */
  get isHealthy(): boolean {
    return this.reported === keyOf(undefined);
  }

  /** The status goes to the workflow as the result of the activity. Answers whether it was another one. */
  note({ state, reason, degraded }: FeedStatus): boolean {
    if (this.reported === keyOf(shownOf({ reason, degraded }))) return false;
    const cause = degraded?.cause ?? null;
    if (reason === null) log.info('feed proceeds again', { feedId: this.feedId, state });
    else if (cause === null) log.warn('feed is blocked', { feedId: this.feedId, state, reason });
    else log.warn('feed is degraded', { feedId: this.feedId, state, reason, cause });
    return true;
  }
}

/** What a workflow shows of the reason of its feed. */
export interface ShownStatus {
  readonly reason: string | null;
  readonly cause: string | null;
}

function shownOf({ reason, degraded }: Pick<FeedStatus, 'reason' | 'degraded'>): ShownStatus {
  return { reason, cause: degraded?.cause ?? null };
}

function keyOf(shown: ShownStatus | undefined): string {
  return [shown?.reason ?? 'none', shown?.cause ?? 'none'].join('/');
}
