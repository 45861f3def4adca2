import { applyFeedRequest } from '../../../db/rutter/feed-facts.js';
import type { FeedState, OperatorAction } from '../../../domain/feed.js';
import type { Degraded } from '../../../domain/feed-status.js';
import { rutterFeedStatus } from '../../../domain/rutter/feed-status.js';
import type { RutterDeps } from '../deps.js';
import { Obsolete } from '../../failures.js';

/*
 * Carries out a request of an operator or the customer for a feed, in one transaction with its timeline row. A repeat
 * is safe: the row already shows it. Failures: DatabaseUnavailable (retried), Obsolete.
 */

export interface ApplyFeedRequestInput {
  readonly feedId: string;
  readonly action: OperatorAction;
}

export interface ApplyFeedRequestResult {
  readonly state: FeedState;
  readonly reason: string | null;
  /** Absent from versions before 0.3.0. */
  readonly degraded?: Degraded | null;
}

export function dbApplyFeedRequest(deps: RutterDeps) {
  return async (input: ApplyFeedRequestInput): Promise<ApplyFeedRequestResult> => {
    const feed = await applyFeedRequest(deps.pool, input);
    if (feed === null) throw new Obsolete('the feed does not exist');
    return rutterFeedStatus(feed);
  };
}
