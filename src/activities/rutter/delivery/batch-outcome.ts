/**
 * How the work of one delivery run on a batch ends. The words are those of the batch's state in the database where it has
 * ended (`delivered`, `undone`), and those of the delivery run's outcome where the run ends with it.
 */
export type BatchOutcome =
  | { readonly kind: 'delivered'; readonly delivered: number }
  /** The batch is certainly not at Rutter; its postings are ready again. */
  | { readonly kind: 'undone' }
  /** The attempt ended with nothing synced: the same bytes are sent again under a new key after the wait. */
  | { readonly kind: 'retry_later'; readonly waitMs: number }
  /** The batch stays open while its job runs at Rutter; it is polled after the wait. */
  | { readonly kind: 'job_running'; readonly waitMs: number }
  /** A person must look; the reason is stored in the feed's row and the batch stays open. */
  | { readonly kind: 'blocked' }
  /** Another sender has the delivery lock now. */
  | { readonly kind: 'lock_lost' }
  /** The worker is stopping: the batch stays open for the next sender. */
  | { readonly kind: 'stopping' };
