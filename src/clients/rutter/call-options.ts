import type { RequestPriority } from '../../domain/request-priority.js';

/** Options of every call. `priority` defaults to `delivery` for transactions and jobs, else to `interactive`. */
export interface CallOptions {
  signal?: AbortSignal | undefined;
  priority?: RequestPriority | undefined;
}

/** A call on one connection; the token is a secret. */
export interface ForConnection extends CallOptions {
  accessToken: string;
}

/** A POST is safe to repeat only under its key with the same bytes (contract 11.2). A UUID, stored before the call. */
export interface Keyed {
  idempotencyKey: string;
}

/** One page of a list (contract 11.1), newest change first. Pages can shift while they are read. */
export interface ListInput extends ForConnection {
  cursor?: string | undefined;
  /** 1 to 500, default 500. */
  limit?: number | undefined;
  /** Only what changed since, epoch ms. */
  updatedAtMinMs?: number | undefined;
  /** Read from Sage instead of Rutter's copy; also works while the connection is `not_ready` (5.3). */
  forceFetch?: boolean | undefined;
}
