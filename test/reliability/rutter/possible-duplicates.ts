import type { Pool } from '../../../src/db/pool.js';
import type { CheckedFeed } from './feed-rows.js';

/*
 * I2 across accounts: an account that replaces another sends nothing that the other has delivered, unless a person
 * decided so, and nothing is held for this without a reason. By the checker's own rules.
 */

interface ComparedRow {
  readonly transactionId: string;
  readonly day: string;
  readonly amount: string;
  readonly description: string;
  readonly payee: string | null;
}

interface HeldRow extends ComparedRow {
  readonly original: (ComparedRow & { readonly accountId: string; readonly wasBuilt: boolean }) | null;
}

interface SentRow extends ComparedRow {
  readonly builtAtMs: number;
}

interface DeliveredRow extends ComparedRow {
  readonly accountId: string;
  readonly deliveredAtMs: number;
  readonly isMatched: boolean;
}

export interface ReplacingFeed {
  readonly pool: Pool;
  readonly feed: CheckedFeed;
  /** The accounts that its own one replaces, directly or through others. */
  readonly replaced: readonly string[];
  /** When its account named the first of them, by the database's clock; nothing that was built before was compared. */
  readonly sinceMs: number;
  /** Deliveries may have been taken back, or completed while a batch was built. */
  readonly inexact: boolean;
}

/** Returns violations, each beginning with its invariant. */
export async function checkPossibleDuplicates(input: ReplacingFeed): Promise<string[]> {
  const violations: string[] = [];
  const matched = new Set<string>();
  for (const held of await readHeld(input)) {
    const { transactionId: id, original } = held;
    if (original === null || !input.replaced.includes(original.accountId)) {
      violations.push(`I1: ${id} is held as a duplicate of nothing that its account replaces`);
      continue;
    }
    const name = `${original.accountId} ${original.transactionId}`;
    if (matched.has(name)) violations.push(`I1: two postings are held for ${name}`);
    matched.add(name);
    if (!isAlike(held, original)) violations.push(`I1: ${id} is held for ${name}, which differs`);
    if (!original.wasBuilt && !input.inexact)
      violations.push(`I1: ${id} is held for ${name}, which was not sent`);
  }
  if (input.inexact) return violations;
  const delivered = await readDelivered(input);
  for (const sent of await readSent(input)) {
    const missed = delivered.find(
      (each) =>
        !each.isMatched &&
        each.deliveredAtMs < sent.builtAtMs &&
        isAlike(sent, each) &&
        sent.payee === each.payee,
    );
    if (missed !== undefined)
      violations.push(`I2: ${sent.transactionId} was sent although ${missed.transactionId} was delivered`);
  }
  return violations;
}

function isAlike(left: ComparedRow, right: ComparedRow): boolean {
  return (
    left.day === right.day &&
    Number(left.amount) === Number(right.amount) &&
    words(left.description) === words(right.description) &&
    (left.payee === null || right.payee === null || words(left.payee) === words(right.payee))
  );
}

function words(text: string): string {
  return text
    .normalize('NFC')
    .split(/\s+/u)
    .filter((word) => word !== '')
    .join(' ');
}

const compared = (alias: string) => `'transactionId', ${alias}.transaction_id, 'day', ${alias}.booking_day,
  'amount', ${alias}.amount::text, 'description', ${alias}.description, 'payee', ${alias}.payee`;

async function readHeld({ pool, feed }: ReplacingFeed): Promise<HeldRow[]> {
  const { rows } = await pool.query<{ row: HeldRow }>(
    `SELECT json_build_object(${compared('p')}, 'original', CASE WHEN o.account_id IS NOT NULL THEN
              json_build_object(${compared('o')}, 'accountId', o.account_id, 'wasBuilt', EXISTS (
                SELECT 1 FROM feeds f JOIN ledger l USING (feed_id)
                 WHERE f.account_id = o.account_id AND l.transaction_id = o.transaction_id)) END) AS row
       FROM posting_holds h
       JOIN postings p ON p.account_id = $2 AND p.transaction_id = h.transaction_id
       LEFT JOIN postings o ON o.account_id = h.duplicate_of_account_id
                           AND o.transaction_id = h.duplicate_of_transaction_id
      WHERE h.feed_id = $1 AND h.duplicate_of_transaction_id IS NOT NULL`,
    [feed.feedId, feed.accountId],
  );
  return rows.map(({ row }) => row);
}

/** What was put into a batch after the account named its predecessor, and on which nobody had decided as a duplicate. */
async function readSent({ pool, feed, sinceMs }: ReplacingFeed): Promise<SentRow[]> {
  const { rows } = await pool.query<{ row: SentRow }>(
    `SELECT json_build_object(${compared('p')}, 'builtAtMs', extract(epoch FROM b.built_at) * 1000) AS row
       FROM ledger l JOIN batches b USING (batch_id)
       JOIN postings p ON p.account_id = $2 AND p.transaction_id = l.transaction_id
      WHERE l.feed_id = $1 AND extract(epoch FROM b.built_at) * 1000 > $3
        AND NOT EXISTS (SELECT 1 FROM posting_holds h WHERE h.feed_id = $1 AND h.transaction_id = l.transaction_id
                           AND h.duplicate_of_transaction_id IS NOT NULL)`,
    [feed.feedId, feed.accountId, sinceMs],
  );
  return rows.map(({ row }) => row);
}

async function readDelivered({ pool, feed, replaced }: ReplacingFeed): Promise<DeliveredRow[]> {
  const { rows } = await pool.query<{ row: DeliveredRow }>(
    `SELECT json_build_object(${compared('p')}, 'accountId', p.account_id,
              'deliveredAtMs', extract(epoch FROM b.completed_at) * 1000, 'isMatched', EXISTS (
                SELECT 1 FROM posting_holds h WHERE h.feed_id = $1 AND h.duplicate_of_account_id = p.account_id
                   AND h.duplicate_of_transaction_id = p.transaction_id)) AS row
       FROM feeds f JOIN ledger l USING (feed_id) JOIN batches b USING (batch_id)
       JOIN postings p ON p.account_id = f.account_id AND p.transaction_id = l.transaction_id
      WHERE f.account_id = ANY ($2) AND b.state = 'delivered' AND p.status = 'posted'
        AND (l.exception IS NULL OR l.exception IN ('duplicate', 'altered'))`,
    [feed.feedId, replaced],
  );
  return rows.map(({ row }) => row);
}
