import { deliveryLimits } from '../../domain/rutter/delivery-limits.js';
import { createAccountCalls } from './accounts.js';
import type { AccountCalls } from './accounts.js';
import { createConnectionCalls } from './connections.js';
import type { ConnectionCalls } from './connections.js';
import { createJobCalls } from './jobs.js';
import type { JobCalls } from './jobs.js';
import type { RequestLimiter } from './limiter.js';
import { createRequester } from './request.js';
import { createTransactionCalls } from './transactions.js';
import type { TransactionCalls } from './transactions.js';

export interface RutterClientOptions {
  /** With `/versioned` (contract 1). */
  baseUrl: string;
  clientId: string;
  clientSecret: string;
  /** `X-Rutter-Version`, as `2024-08-31`. */
  version: string;
  limiter: RequestLimiter;
  fetch?: typeof fetch | undefined;
  timeouts?: { postTransactionsMs?: number | undefined; otherMs?: number | undefined } | undefined;
}

/**
 * Rutter's bank feed API for Sage, version 2024-08-31 (contract 5 to 12). Each call sends one request, once; errors are
 * those of `errors.ts` and what the limiter throws. Tokens and OTPs in results are secrets.
 */
export interface RutterClient extends ConnectionCalls, AccountCalls, TransactionCalls, JobCalls {}

/**
 * Builds the client; nothing is sent before the first call.
 *
 * @throws TypeError for an invalid base URL
 */
export function createRutterClient(options: RutterClientOptions): RutterClient {
  const { clientId, clientSecret, version, limiter } = options;
  const baseUrl = new URL(options.baseUrl).href.replace(/\/+$/, '');
  const request = createRequester({
    baseUrl,
    clientId,
    clientSecret,
    version,
    limiter,
    fetch: options.fetch ?? fetch,
  });
  const timeoutMs = options.timeouts?.otherMs ?? deliveryLimits.requestTimeoutMs;
  const postTransactionsMs = options.timeouts?.postTransactionsMs ?? deliveryLimits.postTransactionsTimeoutMs;
  return {
    ...createConnectionCalls({ request, timeoutMs, clientId, clientSecret }),
    ...createAccountCalls({ request, timeoutMs, createAccountMs: postTransactionsMs }),
    ...createTransactionCalls({ request, timeoutMs, postTransactionsMs }),
    ...createJobCalls({ request, timeoutMs, limiter }),
  };
}
