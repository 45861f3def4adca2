import { deliveryLimits } from '../../domain/rutter/delivery-limits.js';
import type { Queryable } from '../pool.js';

/** The one provider that feeds go to today. */
const provider = 'rutter';
const probeEvery = `interval '${String(deliveryLimits.credentialsProbeMs)} milliseconds'`;

/** Our own credentials were refused just now. A later call changes nothing: the row holds the time of the first. */
export async function recordCredentialsRejected(db: Queryable): Promise<void> {
  await db.query(
    `INSERT INTO rejected_credentials (provider) VALUES ($1) ON CONFLICT (provider) DO NOTHING`,
    [provider],
  );
}

/** Whether our credentials count as refused, and whether it is time to try them; null when they do not. */
export async function readOutage(db: Queryable): Promise<{ probeDue: boolean } | null> {
  const { rows } = await db.query<{ due: boolean }>(
    `SELECT probed_at < now() - ${probeEvery} AS due FROM rejected_credentials WHERE provider = $1`,
    [provider],
  );
  return rows[0] === undefined ? null : { probeDue: rows[0].due };
}

/** Claims the next probe of the credentials: of all concurrent callers one gets true. */
export async function claimProbe(db: Queryable): Promise<boolean> {
  const { rowCount } = await db.query(
    `UPDATE rejected_credentials SET probed_at = now()
      WHERE provider = $1 AND probed_at < now() - ${probeEvery} RETURNING provider`,
    [provider],
  );
  return rowCount === 1;
}

/** Our credentials are accepted again: all senders continue at their next check. */
export async function endOutage(db: Queryable): Promise<void> {
  await db.query(`DELETE FROM rejected_credentials WHERE provider = $1`, [provider]);
}

/** An operator asks for a try: the next sender probes the credentials, however short ago the last probe was. */
export async function letProbe(db: Queryable): Promise<void> {
  await db.query(`UPDATE rejected_credentials SET probed_at = '-infinity' WHERE provider = $1`, [provider]);
}
