import { finishCommand, type CommandProblem } from '../../../db/commands.js';
import type { ResyncResult } from '../../../db/rutter/commands.js';
import { deliveryLimits } from '../../../domain/rutter/delivery-limits.js';
import { utcDayOf } from '../../../domain/booking-day.js';
import { openAccessToken } from '../../../db/connections.js';
import {
  countWaitingAmong,
  readDeliveredSince,
  takeBackGap,
  type DeliveredPosting,
  type DeliveredSince,
} from '../../../db/rutter/resync.js';
import { mayResync } from '../../../domain/rutter/feed.js';
import { explainRefusal } from '../explain-refusal.js';
import { Obsolete } from '../../failures.js';
import { ListTooLong, transactionsSince } from './transactions-since.js';
import type { CommandContext, CommandEnding } from '../connection/finish-with-connection.js';

const pageTransactions = 500;
/** Ids of the gap in the answer; the count is exact. */
const listedIdsMax = 1_000;
/** As many as the list that they are compared with can hold. */
const deliveredMax = deliveryLimits.resyncPagesMax * pageTransactions;

const notAllowed: CommandProblem = {
  code: 'wrong_state',
  message: 'The feed is closed, waits for its activation, or is refused: nothing was changed.',
};
const tooLong: CommandProblem = {
  code: 'list_too_long',
  message: `There are more than ${String(deliveredMax)} transactions to compare: ask for a later date.`,
};

/**
 * Compares what a feed's completed batches delivered from a date on with Rutter's own list, and sends the gap again:
 * what Rutter's list lacks. With `dry_run` it only reports. A repeat is safe: what was taken back is
 * waiting, and no longer compared; should Rutter have it after all, it answers with a duplicate.
 */
export async function resyncFeed(context: CommandContext): Promise<CommandEnding> {
  const { deps, command } = context;
  const { feed_id: feedId, from, dry_run: dryRun = false } = command.input;
  const fromDay = command.input.from_day ?? (from === undefined ? '' : utcDayOf(from));
  if (feedId === undefined || from === undefined) throw new Obsolete('the command names no feed or date');
  const since = await readDeliveredSince(deps.pool, { feedId, from, fromDay, deliveredMax });
  if (since === null) throw new Obsolete('the feed does not exist');
  if (!mayResync(since.feed.facts)) return { problem: notAllowed };
  if (since.delivered.length > deliveredMax) return { problem: tooLong };
  const checked = await checkTwice(context, since);
  if (checked === null) return { problem: tooLong };
  const result: ResyncResult = {
    ...describe(since, checked),
    feed_id: feedId,
    from,
    known_at_rutter: await countWaitingAmong(deps.pool, {
      ...since,
      transactionIds: checked.unknown,
    }),
    dry_run: dryRun,
  };
  const finish = { commandId: command.commandId, result };
  if (dryRun) return { state: await finishCommand(deps.pool, finish) };
  const taken = await takeBackGap(deps.pool, {
    feedId,
    from,
    gap: checked.gap,
    mayTake: (feed) => mayResync(feed.facts),
    also: async (db, gap) => {
      await finishCommand(db, { ...finish, result: { ...result, gap } });
    },
  });
  if (taken === null) return { problem: notAllowed };
  // Should this process die here, the command has ended and the feed finds its gap with its next check.
  await deps.workflows.feedFactsChanged({ feedId });
  return { state: 'done' };
}

interface Comparison {
  readonly gap: readonly DeliveredPosting[];
  /** At Rutter, and not among what our ledger calls delivered. */
  readonly unknown: readonly string[];
}

async function checkTwice(context: CommandContext, since: DeliveredSince): Promise<Comparison | null> {
  const first = await readList(context, since);
  const missing = first === null ? null : missingIn(since.delivered, first);
  if (first === null || missing === null) return null;
  if (missing.length === 0) return { gap: [], unknown: unknownOf(since, first) };
  await context.deps.wait(deliveryLimits.secondCheckAfterMs, context.signal);
  const second = await readList(context, since);
  return second === null ? null : { gap: missingIn(missing, second), unknown: unknownOf(since, second) };
}

function missingIn(
  delivered: readonly DeliveredPosting[],
  atRutter: ReadonlySet<string>,
): DeliveredPosting[] {
  return delivered.filter(({ transactionId }) => !atRutter.has(transactionId));
}

function unknownOf(since: DeliveredSince, atRutter: ReadonlySet<string>): string[] {
  const delivered = new Set(since.delivered.map(({ transactionId }) => transactionId));
  return [...atRutter].filter((id) => !delivered.has(id));
}

/** The ids of what Rutter holds for the account; null when its list is too long. */
async function readList(
  context: CommandContext,
  { feed, sentSinceMs }: DeliveredSince,
): Promise<Set<string> | null> {
  const { deps, signal } = context;
  const ids = new Set<string>();
  try {
    const pages = transactionsSince({
      rutter: deps.rutter,
      accessToken: openAccessToken(deps.keyring, feed),
      rutterAccountId: feed.rutterAccountId ?? '',
      sinceMs: sentSinceMs,
      pagesMax: deliveryLimits.resyncPagesMax,
      signal,
    });
    for await (const page of pages) {
      for (const { transactionId } of page) if (transactionId !== null) ids.add(transactionId);
    }
    return ids;
  } catch (error) {
    if (error instanceof ListTooLong) return null;
    throw await explainRefusal(deps, { connectionId: feed.connectionId, error });
  }
}

function describe({ effectiveFrom, firstDay, delivered, waiting }: DeliveredSince, { gap }: Comparison) {
  return {
    effective_from: effectiveFrom,
    first_booking_date: firstDay,
    compared: delivered.length,
    at_rutter: delivered.length - gap.length,
    gap: gap.length,
    already_waiting: waiting,
    transaction_ids: gap.slice(0, listedIdsMax).map(({ transactionId }) => transactionId),
    first_posted_at: gap[0]?.sendAt ?? null,
    last_posted_at: gap.at(-1)?.sendAt ?? null,
  };
}
