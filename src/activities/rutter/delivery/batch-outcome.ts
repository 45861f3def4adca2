/**
 * How the work of one delivery run on a batch ends. `delivered` and `undone` are the batch's states in the database;
 * the other kinds end the delivery run, with its outcome of the same name where there is one.
 */
export type BatchOutcome =
  | { readonly kind: 'delivered'; readonly delivered: number }
  /** The batch is certainly not at Rutter; its postings are ready again. */
  | { readonly kind: 'undone' }
  /** The attempt ended with nothing synced: the same bytes are sent again under a new key after the wait. */
  | { readonly kind: 'retry_later'; readonly waitMs: number }
  /** The batch stays open while its job runs at Rutter; it is polled after the wait. */
  | { readonly kind: 'job_running'; readonly waitMs: number }
  /** An operator must act; the reason is stored in the feed's row and the batch stays open. */
  | { readonly kind: 'blocked' }
  /** Another sender has the delivery lock now. */
  | { readonly kind: 'lock_lost' }
  /** The worker is stopping: the batch stays open for the next sender. */
  | { readonly kind: 'stopping' };
