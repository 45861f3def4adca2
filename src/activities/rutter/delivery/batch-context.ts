import type { FeedRow } from '../../../db/rutter/feeds.js';
import type { RutterDeps } from '../deps.js';

/** What every step on a batch works with. `feed` is the batch's own feed, whichever feed's delivery run this is. */
export interface BatchContext {
  readonly deps: RutterDeps;
  readonly feed: FeedRow;
  readonly deliveryLockId: string;
  readonly holder: string;
  readonly accessToken: string;
  /** Since the lease was taken, by a clock that runs on while the process is frozen. */
  readonly leaseTakenAgoMs: () => number;
  /** Aborted when the activity is cancelled. A POST in flight is never aborted; waits and reads are. */
  readonly signal: AbortSignal;
}
