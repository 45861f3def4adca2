import type { OperatorFact, FeedState } from '../../domain/feed.js';
import type { Queryable } from '../pool.js';

/** What is read after a restore of the database, to compare it with Rutter and Temporal. */

export interface FeedDecision {
  readonly feedId: string;
  readonly customerId: string;
  readonly connectionId: string;
  readonly operator: OperatorFact;
  readonly state: FeedState;
}

/** The feeds of these ids that have a row. */
export async function readFeedDecisions(
  db: Queryable,
  input: { feedIds: readonly string[] },
): Promise<FeedDecision[]> {
  const { rows } = await db.query<FeedDecision>(
    `SELECT feed_id AS "feedId", customer_id AS "customerId", connection_id AS "connectionId", operator, state
       FROM feeds WHERE feed_id = ANY ($1::uuid[])`,
    [input.feedIds],
  );
  return rows;
}

/** Of Rutter's ids of connections, those that we have. */
export async function listKnownConnections(
  db: Queryable,
  input: { rutterConnectionIds: readonly string[] },
): Promise<Set<string>> {
  const { rows } = await db.query<{ id: string }>(
    `SELECT rutter_connection_id AS id FROM connections WHERE rutter_connection_id = ANY ($1::text[])`,
    [input.rutterConnectionIds],
  );
  return new Set(rows.map(({ id }) => id));
}

export interface ConnectionToRead {
  readonly connectionId: string;
  readonly customerId: string;
  readonly accessTokenSealed: string;
}

/** The connections of these customers that are in use. */
export async function listConnectionsOf(
  db: Queryable,
  input: { customerIds: readonly string[] },
): Promise<ConnectionToRead[]> {
  const { rows } = await db.query<ConnectionToRead>(
    `SELECT connection_id AS "connectionId", customer_id AS "customerId", access_token_sealed AS "accessTokenSealed"
       FROM connections WHERE customer_id = ANY ($1::text[]) AND unlink_requested_at IS NULL ORDER BY connection_id`,
    [input.customerIds],
  );
  return rows;
}

/** The accounts that have a feed on the connection, open or closed. */
export async function listFeedAccounts(db: Queryable, input: { connectionId: string }): Promise<Set<string>> {
  const { rows } = await db.query<{ id: string }>(
    `SELECT account_id AS id FROM feeds WHERE connection_id = $1`,
    [input.connectionId],
  );
  return new Set(rows.map(({ id }) => id));
}

export interface OwnAccount {
  readonly accountId: string;
  readonly customerId: string;
  readonly type: 'bank' | 'credit_card';
  readonly currency: string;
}

/** Of these ids, the accounts that are ours. */
export async function readOwnAccounts(
  db: Queryable,
  input: { accountIds: readonly string[] },
): Promise<OwnAccount[]> {
  const { rows } = await db.query<OwnAccount>(
    `SELECT account_id AS "accountId", customer_id AS "customerId", type, currency FROM accounts
      WHERE account_id = ANY ($1::text[]) ORDER BY account_id`,
    [input.accountIds],
  );
  return rows;
}
