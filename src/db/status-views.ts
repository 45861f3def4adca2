import type { CustomerFeed, DbChannels } from './channel.js';
import type { Queryable } from './pool.js';

/** A customer has a handful of feeds; the page never shows more than this. */
const shownFeedsMax = 200;

/** A customer's feeds of every channel: open ones by name, then closed ones. */
export async function listCustomerFeeds(
  db: Queryable,
  channels: DbChannels,
  input: { customerId: string },
): Promise<CustomerFeed[]> {
  const feeds: CustomerFeed[] = [];
  for (const channel of Object.values(channels)) {
    feeds.push(
      ...(await channel.listCustomerFeeds(db, { customerId: input.customerId, limit: shownFeedsMax })),
    );
  }
  // Stable: feeds of one name keep the order of their channel.
  return feeds
    .sort((one, other) => one.accountName.localeCompare(other.accountName))
    .sort((one, other) => Number(one.isClosed) - Number(other.isClosed))
    .slice(0, shownFeedsMax);
}

/** One thing that happened to a customer's feeds and connections. */
export interface CustomerEvent {
  readonly kind: string;
  readonly at: string;
  readonly accountName: string | null;
  /** Postings of a delivered batch, decimal text. */
  readonly delivered: string | null;
  /** The new status of an account at Sage. */
  readonly status: string | null;
}

/** The last `limit` entries of a customer's timeline that are of the given kinds, newest first. */
export async function listCustomerEvents(
  db: Queryable,
  channels: DbChannels,
  input: { customerId: string; kinds: readonly string[]; limit: number },
): Promise<CustomerEvent[]> {
  const names = Object.values(channels).map((channel) => channel.accountNameSql('t.feed_id'));
  const { rows } = await db.query<CustomerEvent>(
    `SELECT t.kind, t.at, coalesce(${names.join(', ')}) AS "accountName", t.detail ->> 'delivered' AS delivered,
            t.detail ->> 'to' AS status
       FROM timeline t
      WHERE t.customer_id = $1 AND t.kind = ANY ($2::text[]) ORDER BY t.entry_id DESC LIMIT $3`,
    [input.customerId, input.kinds, input.limit],
  );
  return rows;
}
