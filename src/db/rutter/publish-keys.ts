import { cardFactNames, type AccountBalances, type CardFacts } from '../../domain/account-facts.js';
import { transaction, type Pool, type Queryable } from '../pool.js';
import { writeTimeline } from '../timeline.js';

/** All of an account that is sent when it is created at Rutter. */
export interface AccountToCreate {
  readonly accountId: string;
  readonly name: string;
  readonly type: 'bank' | 'credit_card';
  readonly currency: string;
  /** Sealed for `{table: 'accounts', row: accountId}`. */
  readonly numberSealed: string | null;
  /** Sealed for the same and `column: 'iban'`. */
  readonly ibanSealed: string | null;
  readonly openedOn: string | null;
  readonly routingNumber: string | null;
  readonly sortCode: string | null;
  readonly lineOfBusiness: string | null;
  /** Rutter's id of the parent account, when that is published on the same connection. */
  readonly parentRutterAccountId: string | null;
  readonly balances: Pick<AccountBalances, 'available' | 'current'>;
  readonly cardFacts: CardFacts;
}

/** A body to be sent, sealed, and the facts that it leaves out because Rutter refused such facts before. */
export interface PreparedBody {
  readonly sealed: string;
  readonly factsLeftOut: readonly string[];
}

export interface PublishRequest {
  readonly key: string;
  /** The body that belongs to the key. */
  readonly bodySealed: string;
}

interface KeyUse {
  readonly connectionId: string;
  readonly accountId: string;
  readonly customerId: string;
  /** A request under a key has ended after this time, with whatever outcome. */
  readonly requestOverAfterMs: number;
  /** The body for the account as it is now. */
  readonly prepareBody: (account: AccountToCreate) => PreparedBody;
  /** The body as version 0.2.0 sent it, for a key that was used before bodies were stored. */
  readonly prepareOldBody: (account: AccountToCreate) => PreparedBody;
}

/**
 * The key and the body to publish an account with now, stored before the first call: the same ones as long as the account
 * is as it was when the key was first used. When it has changed since, fresh ones, but null as long as the first use is
 * younger than `requestOverAfterMs`: its request may still be under way, so check Rutter's list again before.
 */
export async function usePublishKey(pool: Pool, input: KeyUse): Promise<PublishRequest | null> {
  return await transaction(pool, async (db) => {
    const row = await lockPublication(db, input);
    if (row === null) return null;
    if (row.is_used && row.is_same) return storedRequest(row, input);
    if (row.is_used && !row.is_over) return null;
    return await storeRequest(db, { row, use: input });
  });
}

interface PublicationRow {
  publish_key: string;
  body_sealed: string | null;
  is_used: boolean;
  is_same: boolean;
  is_over: boolean;
  account: AccountToCreate;
}

async function lockPublication(db: Queryable, input: KeyUse): Promise<PublicationRow | null> {
  const { rows } = await db.query<PublicationRow>(
    `SELECT p.publish_key, p.body_sealed, p.key_used_at IS NOT NULL AS is_used,
            p.account_seen_at IS NULL OR p.account_seen_at = a.updated_at AS is_same,
            coalesce(p.key_used_at <= now() - $3::float8 * interval '1 millisecond', false) AS is_over,
            json_build_object(
              'accountId', a.account_id, 'name', a.name, 'type', a.type, 'currency', a.currency,
              'numberSealed', a.number_sealed, 'ibanSealed', a.iban_sealed, 'openedOn', a.opened_on,
              'routingNumber', a.routing_number, 'sortCode', a.sort_code, 'lineOfBusiness', a.line_of_business,
              'parentRutterAccountId', (SELECT f.rutter_account_id FROM feeds f
                 WHERE f.connection_id = p.connection_id AND f.account_id = a.parent_account_id),
              'balances', json_build_object('available', a.balance_available::text, 'current', a.balance_current::text),
              'cardFacts', json_build_object(${cardFactNames.map((name) => `'${name}', a.${name}::text`).join(', ')})
            ) AS account
       FROM publications p JOIN accounts a USING (account_id)
      WHERE p.connection_id = $1 AND p.account_id = $2 FOR UPDATE OF p`,
    [input.connectionId, input.accountId, input.requestOverAfterMs],
  );
  return rows[0] ?? null;
}

function storedRequest(row: PublicationRow, use: KeyUse): PublishRequest {
  const bodySealed = row.body_sealed ?? use.prepareOldBody(row.account).sealed;
  return { key: row.publish_key, bodySealed };
}

async function storeRequest(
  db: Queryable,
  { row, use }: { row: PublicationRow; use: KeyUse },
): Promise<PublishRequest> {
  const { connectionId, accountId, customerId } = use;
  const body = use.prepareBody(row.account);
  const { rows } = await db.query<{ publish_key: string }>(
    `UPDATE publications p
        SET publish_key = CASE WHEN $3 THEN gen_random_uuid() ELSE p.publish_key END, key_used_at = now(),
            body_sealed = $4, account_seen_at = a.updated_at
       FROM accounts a
      WHERE p.connection_id = $1 AND p.account_id = $2 AND a.account_id = p.account_id RETURNING p.publish_key`,
    [connectionId, accountId, row.is_used, body.sealed],
  );
  const key = rows[0]?.publish_key;
  if (key === undefined) throw new Error('the publication vanished');
  if (body.factsLeftOut.length > 0) {
    await writeTimeline(db, {
      kind: 'account_facts_not_sent',
      customerId,
      connectionId,
      detail: { account_id: accountId, fields: body.factsLeftOut },
    });
  }
  return { key, bodySealed: body.sealed };
}

export interface SpentKey {
  readonly connectionId: string;
  readonly accountId: string;
  readonly spentKey: string;
}

/** A new publish key instead of a used one: its final answer was a failure, which Rutter would repeat. */
export async function renewPublishKey(db: Queryable, input: SpentKey): Promise<boolean> {
  const { rowCount } = await db.query(
    `UPDATE publications
        SET publish_key = gen_random_uuid(), key_used_at = NULL, account_seen_at = NULL, body_sealed = NULL
      WHERE connection_id = $1 AND account_id = $2 AND publish_key = $3`,
    [input.connectionId, input.accountId, input.spentKey],
  );
  return rowCount === 1;
}
