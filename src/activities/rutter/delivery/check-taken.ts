import { log } from '@temporalio/activity';
import { takenInOrder } from '../../../clients/rutter/assumptions.js';
import { openAccessToken } from '../../../db/connections.js';
import type { FeedRow } from '../../../db/rutter/feeds.js';
import { readUntaken, recordTaken } from '../../../db/rutter/taken-postings.js';
import { deliveryLimits } from '../../../domain/rutter/delivery-limits.js';
import type { RutterDeps } from '../deps.js';
import { ListTooLong, transactionsSince } from './transactions-since.js';

/**
 * At the end of a delivery run: reads at Rutter whether Sage has taken what was delivered (`platform_ingested`, contract 8.3), with the daily check
 * and once after a delivery: one page of the list at most, and none when everything is taken. Where the provider never
 * sets the flag nothing is known, and it is asked once a day. A failure changes nothing: the next check asks again.
 */
export async function checkTaken(
  deps: RutterDeps,
  feed: FeedRow,
  input: { isDaily: boolean; delivered: number; signal: AbortSignal },
): Promise<void> {
  if (!input.isDaily && input.delivered === 0) return;
  try {
    const untaken = await readUntaken(deps.pool, feed);
    if (untaken === null || feed.rutterAccountId === null) return;
    const isUnanswered = !untaken.isKnown && untaken.checkedAgoMs !== null;
    if (isUnanswered && !input.isDaily && untaken.checkedAgoMs < deliveryLimits.takenUnansweredCheckMs)
      return;
    const flags = { taken: [] as string[], untaken: [] as string[] };
    const pages = transactionsSince({
      rutter: deps.rutter,
      accessToken: openAccessToken(deps.keyring, feed),
      rutterAccountId: feed.rutterAccountId,
      sinceMs: untaken.sinceMs,
      pagesMax: deliveryLimits.takenPagesMax,
      signal: input.signal,
    });
    try {
      for await (const page of pages) {
        for (const { transactionId, platformIngested } of page) {
          if (transactionId === null || platformIngested === null) continue;
          flags[platformIngested ? 'taken' : 'untaken'].push(transactionId);
        }
      }
    } catch (error) {
      // What is beyond the pages was updated before what is on them.
      if (!(error instanceof ListTooLong)) throw error;
    }
    await recordTaken(deps.pool, { ...feed, ...flags, inOrder: takenInOrder });
  } catch (error) {
    log.warn('whether Sage has taken the postings could not be read', {
      feedId: feed.feedId,
      error: nameOf(error),
    });
  }
}

/** Only its name: the text of a foreign error could quote data. */
function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : 'not an error';
}
