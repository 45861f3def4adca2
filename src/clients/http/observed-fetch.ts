import type { Availability } from '../../domain/availability.js';
import { unsentCode } from './network-failure.js';

/**
 * Statuses that a provider gives to one request while it works: they say nothing about the others. Any other one, such as
 * 5xx, 429 or a status that no document knows, is a cause for which calls fail. 302 is how the Banking Service answers a
 * poll (contract 5.1).
 */
const ordinaryStatuses: ReadonlySet<number> = new Set([
  302, 400, 401, 403, 404, 409, 410, 412, 413, 415, 422,
]);

/** Codes of a request without an answer. */
const noAnswer = { timeout: 'no_answer', lost: 'connection_lost' } as const;

/**
 * `fetch`, of whose answers and failures `availability` hears. The texts name statuses and system codes only: neither
 * addresses nor bodies, which may hold secrets. A request that its own caller aborted says nothing.
 */
export function observedFetch(fetchNow: typeof fetch, availability: Availability): typeof fetch {
  return async (...args) => {
    try {
      const response = await fetchNow(...args);
      const { status } = response;
      if (status < 300 || ordinaryStatuses.has(status)) availability.succeeded();
      else availability.failed({ code: String(status), text: `HTTP ${String(status)}` });
      return response;
    } catch (error) {
      const name = error instanceof Error ? error.name : '';
      if (name === 'TimeoutError') availability.failed({ code: noAnswer.timeout, text: 'no answer in time' });
      else if (name !== 'AbortError') {
        const code = unsentCode(error);
        availability.failed({ code: code ?? noAnswer.lost, text: code ?? 'the connection was lost' });
      }
      throw error;
    }
  };
}
