import { transaction, type Pool, type Queryable } from '../pool.js';
import { writeTimeline } from '../timeline.js';
import { renewPublishKey, type SpentKey } from './publish-keys.js';

/** A refusal of an account's further facts is remembered for this time, then Rutter is asked again: it may take them now. */
const rememberedHours = 24;
const provider = 'rutter';

/** Whether Rutter refused the further facts of an account within the last 24 hours. */
export async function areAccountFactsRefused(db: Queryable): Promise<boolean> {
  const { rowCount } = await db.query(
    `SELECT 1 FROM refused_account_facts
      WHERE provider = $1 AND refused_at > now() - $2::float8 * interval '1 hour'`,
    [provider, rememberedHours],
  );
  return rowCount === 1;
}

/**
 * Rutter refused to create an account because of the facts named: remembered for the whole installation, and the next
 * attempt has a new key, since it has another body. All in one transaction, so that a crash leaves nothing half done.
 */
export async function recordFactsRefused(
  pool: Pool,
  input: SpentKey & { customerId: string; fields: readonly string[]; errorCode: string | null },
): Promise<void> {
  const { customerId, connectionId, accountId, fields, errorCode } = input;
  await transaction(pool, async (db) => {
    await db.query(
      `INSERT INTO refused_account_facts (provider, fields) VALUES ($1, $2)
       ON CONFLICT (provider) DO UPDATE SET refused_at = now(), fields = EXCLUDED.fields`,
      [provider, fields],
    );
    // Another attempt that was refused alike has renewed the key, and written this.
    if (!(await renewPublishKey(db, input))) return;
    await writeTimeline(db, {
      kind: 'account_facts_refused',
      customerId,
      connectionId,
      detail: { account_id: accountId, fields, ...(errorCode === null ? {} : { error_code: errorCode }) },
    });
  });
}
