import type { AccountRefusalReason } from '../../domain/rutter/handoff.js';
import type { Queryable } from '../pool.js';

/** One account that a customer chose to share, and what became of it. */
export interface ChosenAccount {
  readonly accountId: string;
  readonly name: string;
  /** The last characters of its number; of its IBAN when it has no number. */
  readonly numberLast4: string | null;
  /** `later`: time ran out, it is published after the handoff. */
  readonly outcome: 'shared' | 'waiting' | 'later' | 'refused';
  /** With `refused`: why, and Rutter's code if it was Rutter. */
  readonly reason: AccountRefusalReason | null;
  readonly errorCode: string | null;
}

const chosenColumns = `a.account_id AS "accountId", a.name, coalesce(a.number_last4, a.iban_last4) AS "numberLast4",
  CASE WHEN f.feed_id IS NOT NULL THEN 'shared' WHEN p.refused_reason IS NOT NULL THEN 'refused'
       WHEN p.later_since IS NOT NULL THEN 'later' ELSE 'waiting' END AS outcome,
  CASE WHEN f.feed_id IS NULL THEN p.refused_reason END AS reason,
  CASE WHEN f.feed_id IS NULL THEN p.refused_code END AS "errorCode"`;

/** The accounts that a handoff's customer chose, in the order of the page; an account is shared once it has a feed. */
export async function readChosenAccounts(
  db: Queryable,
  input: { handoffId: string },
): Promise<ChosenAccount[]> {
  const { rows } = await db.query<ChosenAccount>(
    `SELECT ${chosenColumns}
       FROM handoffs h CROSS JOIN unnest(h.account_ids) WITH ORDINALITY AS chosen (account_id, position)
       JOIN accounts a ON a.account_id = chosen.account_id AND a.customer_id = h.customer_id
       LEFT JOIN publications p ON p.connection_id = h.connection_id AND p.account_id = a.account_id
                               AND p.handoff_id = h.handoff_id
       LEFT JOIN feeds f ON f.connection_id = h.connection_id AND f.account_id = a.account_id
                        AND f.operator <> 'closed'
      WHERE h.handoff_id = $1 ORDER BY chosen.position`,
    [input.handoffId],
  );
  return rows;
}

/** Since an account of the handoff was last published or refused; null when none was. */
export async function readAccountsQuietMs(
  db: Queryable,
  input: { handoffId: string },
): Promise<number | null> {
  const { rows } = await db.query<{ quiet: number | null }>(
    `SELECT (extract(epoch FROM clock_timestamp() - greatest(max(f.state_since), max(p.refused_at))) * 1000)::float8 AS quiet
       FROM handoffs h JOIN publications p ON p.connection_id = h.connection_id AND p.handoff_id = h.handoff_id
       LEFT JOIN feeds f ON f.connection_id = p.connection_id AND f.account_id = p.account_id
      WHERE h.handoff_id = $1`,
    [input.handoffId],
  );
  return rows[0]?.quiet ?? null;
}

/** How many accounts a handoff had published when its customer cancelled it; their feeds were closed with it. */
export async function countTakenBack(db: Queryable, input: { handoffId: string }): Promise<number> {
  const { rows } = await db.query<{ n: number }>(
    `SELECT count(*)::int AS n
       FROM handoffs h JOIN publications p ON p.connection_id = h.connection_id AND p.handoff_id = h.handoff_id
       JOIN feeds f ON f.connection_id = p.connection_id AND f.account_id = p.account_id
      WHERE h.handoff_id = $1 AND f.operator = 'closed' AND f.state_since = h.ended_at`,
    [input.handoffId],
  );
  return rows[0]?.n ?? 0;
}

/** Refusals older than this are no news to the customer any more. */
const refusalsShownFor = `interval '30 days'`;
/** A list for people: more is not shown. */
const listedMax = 1_000;

/**
 * A customer's accounts that are still to be published after a handoff, or were refused in the last 30 days, by name; of
 * connections that stay.
 */
export async function listUnpublishedAccounts(
  db: Queryable,
  input: { customerId: string },
): Promise<ChosenAccount[]> {
  const { rows } = await db.query<ChosenAccount>(
    `SELECT ${chosenColumns}
       FROM connections c JOIN publications p USING (connection_id) JOIN accounts a USING (account_id)
       LEFT JOIN feeds f ON f.connection_id = p.connection_id AND f.account_id = p.account_id AND f.operator <> 'closed'
      WHERE c.customer_id = $1 AND c.unlink_requested_at IS NULL AND f.feed_id IS NULL
        AND (p.later_since IS NOT NULL OR p.refused_at > now() - ${refusalsShownFor})
      ORDER BY a.name, a.account_id LIMIT ${String(listedMax)}`,
    [input.customerId],
  );
  return rows;
}
