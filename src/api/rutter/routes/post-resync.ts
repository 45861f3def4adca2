import { z } from 'zod';
import { readAccount } from '../../../db/accounts.js';
import { insertCommand } from '../../../db/commands.js';
import { dayProblem, firstDayOf, isDayText, latestDayAnywhere, zoneOf } from '../../../domain/booking-day.js';
import { describeInstantProblem, parseInstant } from '../../../domain/instant.js';
import { awaitCommand, commandIdOf } from '../../await-command.js';
import { resyncResultSchema } from '../command-json.js';
import { defineRutterRoute } from '../define-route.js';
import type { ApiDeps } from '../../deps.js';
import { feedParams, requireAllowed, requireFeed, wrongState } from '../../feed-params.js';
import { requireRutterFeed, type RutterFeed } from '../feed-params.js';
import { nothing } from '../../fields.js';
import { Problem, invalid } from '../../problem.js';

const bodyBytesMax = 64 * 1024;

const resyncBody = z
  .strictObject({
    from: z.string().meta({
      description:
        'The first booking day: a date, or an instant with offset, whose day as written counts, or its day in the time zone of the account where that is earlier. Not before the account was opened.',
      example: '2026-02-01',
    }),
    dry_run: z.boolean().optional().meta({ default: false, description: 'Only report what would be sent.' }),
  })
  .meta({ id: 'ResyncInput' });

/** Compares the delivered postings with Rutter's list and sends the missing ones again. Runs as a command. */
export const postResync = defineRutterRoute({
  method: 'post',
  path: '/v1/feeds/{feed_id}/resync',
  roles: ['ops'],
  resource: 'feed',
  summary: 'Send again the transactions that Rutter lost',
  description:
    "From a date on, compares the transactions delivered by our completed batches with Rutter's own list, read twice, and sends only those that are missing there. With `dry_run` nothing is changed. Waits up to 20 s, then answers 202 with the command. Repeating it sends nothing twice.",
  params: feedParams,
  query: nothing,
  body: { schema: resyncBody, bytesMax: bodyBytesMax },
  runsCommand: true,
  answers: {
    200: {
      description: 'The transactions missing at Rutter, which are being sent',
      schema: resyncResultSchema,
    },
  },
  handle: async ({ deps, params, body, seed }) => {
    const feed = await requireRutterFeed(deps, { feedId: params.feed_id, action: 'resync' });
    const from = await readFrom(deps, feed, body.from);
    requireAllowed(feed, 'resync');
    const commandId = commandIdOf(seed);
    await insertCommand(deps.pool, {
      commandId,
      customerId: feed.customerId,
      kind: 'resync_feed',
      input: { feed_id: feed.feedId, ...from, dry_run: body.dry_run ?? false },
      secretSealed: null,
    });
    await deps.facade.runCommand({ commandId, channel: 'rutter' });
    try {
      return await awaitCommand(deps, { commandId, doneStatus: 200, tokenRefusedStatus: 422 });
    } catch (error) {
      // The feed's state changed meanwhile: its row has the actions that are allowed now.
      if (!(error instanceof Problem) || error.input.code !== 'wrong_state') throw error;
      throw wrongState(await requireFeed(deps, feed), 'resync');
    }
  },
});

/** Instant and first booking day that a caller asked for. */
interface From {
  readonly from: string;
  readonly from_day: string;
}

async function readFrom(deps: ApiDeps, feed: RutterFeed, value: string): Promise<From> {
  const account = await readAccount(deps.pool, feed);
  const timeZone = zoneOf({
    timeZone: account?.timeZone ?? account?.customerTimeZone ?? null,
    bankTimeZone: deps.config.BANK_TIME_ZONE ?? null,
  });
  const from = isDayText(value) ? fromDay(value, deps.nowMs()) : fromInstant(value, deps.nowMs(), timeZone);
  const openedOn = account?.openedOn ?? null;
  if (openedOn !== null && from.from_day < openedOn) {
    throw badFrom(`is before ${openedOn}, when the account was opened`);
  }
  return from;
}

function fromDay(day: string, nowMs: number): From {
  const problem = dayProblem(day, latestDayAnywhere(nowMs));
  if (problem !== null) throw badFrom(problem);
  return { from: `${day}T00:00:00.000Z`, from_day: day };
}

function fromInstant(value: string, nowMs: number, timeZone: string | null): From {
  const parsed = parseInstant({ value, nowMs, futureMaxMs: 0 });
  if ('problem' in parsed) {
    const { problem } = parsed;
    throw badFrom(problem === 'in_the_future' ? 'is in the future' : describeInstantProblem(problem, 0));
  }
  return { from: parsed.instant, from_day: firstDayOf({ ...parsed, timeZone }) };
}

function badFrom(message: string): Problem {
  return invalid({ status: 422, code: 'invalid_body', errors: [{ pointer: '/from', message }] });
}
