/** The longest `Retry-After` that is respected: the known windows of rate limits are far shorter. */
export const retryAfterMaxMs = 60_000;

/**
 * `Retry-After` as milliseconds: seconds or an HTTP date. More than `retryAfterMaxMs` is reduced to it, so that an
 * absurd value cannot stop the senders. Zero, past, negative and unreadable values count as an absent header:
 * undefined.
 */
export function parseRetryAfter(input: { header: string | null; nowMs: number }): number | undefined {
  const text = input.header?.trim() ?? '';
  const waitMs = /^\d{1,12}$/.test(text) ? Number(text) * 1_000 : dateMs(text) - input.nowMs;
  if (!(waitMs > 0)) return undefined;
  return Math.min(waitMs, retryAfterMaxMs);
}

/**
 * `Retry-After` of an answer. A date is the provider's time: it is compared with the `Date` of the same answer, and with
 * ours (`nowMs`) only without one.
 */
export function readRetryAfter(headers: Pick<Headers, 'get'>, nowMs: number): number | undefined {
  const answeredMs = dateMs(headers.get('date') ?? '');
  const providerNowMs = Number.isNaN(answeredMs) ? nowMs : answeredMs;
  return parseRetryAfter({ header: headers.get('retry-after'), nowMs: providerNowMs });
}

/** HTTP dates begin with the name of a day; without this check `Date.parse` would read "-1" as a year. */
function dateMs(text: string): number {
  return /^[A-Z][a-z]{2,8},? /.test(text) ? Date.parse(text) : Number.NaN;
}
