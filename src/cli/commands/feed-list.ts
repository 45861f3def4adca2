import { type Command, InvalidArgumentError } from 'commander';
import { z } from 'zod';
import type { ApiClient } from '../api-client.js';
import { jsonOption, type CommandContext } from '../command-context.js';
import { table } from '../terminal.js';

/** The API's largest page. */
const pageMax = 200;
const shownDefault = 50;
/** Far more than a person reads; programs page through the API. */
const shownMax = 10_000;

/** The fields that the table shows; `--json` prints all that the API answers. */
const feedSchema = z.looseObject({
  feed_id: z.string(),
  customer_id: z.string(),
  account_id: z.string().nullable(),
  channel: z.string(),
  state: z.string(),
  reason: z.string().nullable(),
  degraded: z.looseObject({ since: z.string() }).nullable(),
  last_synced_at: z.string().nullable(),
});
const pageSchema = z.object({ feeds: z.array(feedSchema), next_cursor: z.string().nullable() });

type Feed = z.output<typeof feedSchema>;

interface Options {
  readonly state?: string;
  readonly reason?: string;
  readonly channel?: string;
  readonly degraded?: boolean;
  readonly waitingSinceBefore?: string;
  readonly customer?: string;
  readonly account?: string;
  readonly limit: number;
  readonly json?: boolean;
}

/** `bankfeeds feed list`: feeds in the order of their ids. */
export function addFeedList(parent: Command, context: CommandContext): void {
  parent
    .command('list')
    .description('list feeds')
    .option('--state <state>', 'only feeds in this state')
    .option('--reason <reason>', 'only feeds with this reason')
    .option('--channel <channel>', 'only feeds of this channel')
    .option('--degraded', 'only feeds that retry by themselves')
    .option(
      '--waiting-since-before <time>',
      'only feeds with a posting that has waited since before this time',
    )
    .option('--customer <customer_id>', 'only feeds of this customer')
    .option('--account <account_id>', 'only feeds of this account')
    .option('--limit <count>', `at most so many, up to ${String(shownMax)}`, readCount, shownDefault)
    .option(...jsonOption)
    .action(async (options: Options) => {
      const { feeds, isMore } = await readFeeds(await context.api(), options);
      const { terminal } = context;
      if (options.json === true) return terminal.print(JSON.stringify({ feeds, more: isMore }, null, 2));
      for (const line of table(titles, feeds.map(rowOf))) terminal.print(line);
      if (isMore) terminal.note(`More feeds match: filter them, or raise --limit ${String(options.limit)}.`);
    });
}

async function readFeeds(api: ApiClient, options: Options): Promise<{ feeds: Feed[]; isMore: boolean }> {
  const feeds: Feed[] = [];
  let cursor: string | undefined;
  while (feeds.length < options.limit) {
    const page = await api({
      path: '/v1/feeds',
      query: {
        state: options.state,
        reason: options.reason,
        channel: options.channel,
        degraded: options.degraded === true ? 'true' : undefined,
        waiting_since_before: options.waitingSinceBefore,
        customer_id: options.customer,
        account_id: options.account,
        limit: String(Math.min(pageMax, options.limit - feeds.length)),
        cursor,
      },
      schema: pageSchema,
    });
    feeds.push(...page.feeds);
    if (page.next_cursor === null) return { feeds, isMore: false };
    cursor = page.next_cursor;
  }
  return { feeds, isMore: true };
}

const titles = ['FEED', 'CUSTOMER', 'ACCOUNT', 'CHANNEL', 'STATE', 'REASON', 'DEGRADED SINCE', 'LAST SYNC'];

function rowOf(feed: Feed): string[] {
  return [
    feed.feed_id,
    feed.customer_id,
    feed.account_id ?? '-',
    feed.channel,
    feed.state,
    feed.reason ?? '-',
    feed.degraded?.since ?? '-',
    feed.last_synced_at ?? '-',
  ];
}

function readCount(text: string): number {
  const count = Number(text);
  if (/^\d+$/.test(text) && count >= 1 && count <= shownMax) return count;
  throw new InvalidArgumentError(`It must be a number from 1 to ${String(shownMax)}.`);
}
