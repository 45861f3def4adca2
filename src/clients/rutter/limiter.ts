import type { RequestPriority } from '../../domain/request-priority.js';

/**
 * The request limiter, shared by all processes of the installation. Rutter counts 500 requests in any 10 s for the
 * whole organisation (contract 11.3), so every request waits here first. Implemented in `src/db/rate-limiter.ts`.
 */
export interface RequestLimiter {
  /**
   * Waits for a turn. Rejects with the signal's reason when it is aborted, and with an error of the implementation
   * when the wait would exceed its limit: then nothing was sent and the caller may try again later.
   */
  acquire(input: { priority: RequestPriority; signal?: AbortSignal | undefined }): Promise<void>;
  /** Delays the requests of all processes, because Rutter answered 429, or the platform 452. */
  slowDown(input: { forMs: number }): Promise<void>;
}
