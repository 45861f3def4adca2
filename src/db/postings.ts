import { sha256Hex } from '../crypto/hash.js';
import { canonicalContent, type ReceivedPosting, type PostingStatus } from '../domain/posting-input.js';
import { limits } from '../domain/limits.js';
import { conflictOf, type ConflictCode, type PostingUse } from '../domain/posting-conflict.js';
import { isSameContent, type StoredVersion } from '../domain/posting-repeat.js';
import { countIngestionProblem } from './ingestion-problems.js';
import { transaction, type Pool, type Queryable } from './pool.js';
import { recordConflicts, type FoundConflict } from './posting-conflicts.js';
import { lockFeedsOfAccount, readPostingUse } from './posting-use.js';

/** The result of storing a chunk of postings. `accepted + repeated + conflicts.length` is the size of the chunk. */
export interface StoredPostings {
  /** New, or replacing one that was pending (a withdrawal included). */
  readonly accepted: number;
  /** The same id with the same content: nothing to do. */
  readonly repeated: number;
  /** The same id with other content, in the order of the input: recorded, nothing overwritten. */
  readonly conflicts: readonly { readonly transactionId: string; readonly code: ConflictCode }[];
}

/** The account's currency was changed between the reading of the postings and their storing. */
export class AccountChanged extends Error {
  override readonly name = 'AccountChanged';
}

/** A posting with the hash of its canonical content. */
interface Hashed {
  readonly posting: ReceivedPosting;
  readonly hash: string;
}

/** The stored version of an id while a chunk is validated. */
interface Known extends StoredVersion {
  readonly status: PostingStatus;
  /** Hashes of the versions that it had while it was pending, oldest first. */
  readonly earlier: readonly string[];
}

/** Of a posting with more pending versions the oldest are forgotten; a card payment has two or three. */
const earlierVersionsMax = 50;

/**
 * Stores 1…1000 postings of one account in one transaction, in the order given: when it returns they are committed.
 * Repeating it stores nothing twice, so a caller whose answer was lost sends them again.
 *
 * Under the lock of the account's row each posting is validated against what is stored, an earlier one of the same chunk
 * included: unknown ids are inserted, pending ones replaced, those equal to the stored or an earlier pending version
 * counted, and all others are conflicts. A posted one is withdrawn by a `void` while no feed has it in a batch: for that
 * the rows of the feeds are locked before the account's, as building a batch does. Each row written takes the account's
 * next sequence, so sequences become visible in order and without gaps. A `void` of an unknown id is stored too: if its
 * posting arrives later, that is a conflict and not a delivery.
 *
 * @throws {AccountChanged}
 */
export async function storePostings(
  pool: Pool,
  input: { accountId: string; currency: string; postings: readonly ReceivedPosting[] },
): Promise<StoredPostings> {
  if (input.postings.length > limits.ingestChunkPostings) throw new RangeError('the chunk is too large');
  const hashed = input.postings.map(hashedOf);
  const heads = [...firstOfEach(hashed).values()];
  if (heads.length === 0) return { accepted: 0, repeated: 0, conflicts: [] };
  return await transaction(pool, async (db) => {
    const { accountId } = input;
    const withdrawn = new Set(
      hashed.filter(({ posting }) => posting.status === 'void').map(({ posting }) => posting.transactionId),
    );
    if (withdrawn.size > 0) await lockFeedsOfAccount(db, { accountId });
    const lastSequence = await lockAccount(db, input);
    const existing = await insertUnknown(db, { accountId, lastSequence, heads });
    const posted = [...withdrawn].filter((id) => existing.get(id)?.status === 'posted');
    const uses = await readPostingUse(db, { accountId, transactionIds: posted });
    const validated = validate(hashed, existing, uses);
    if (validated.replacements.length > 0)
      await replaceStored(db, { accountId, items: validated.replacements });
    if (validated.conflicts.length > 0) {
      await recordConflicts(db, { accountId, conflicts: validated.conflicts });
      await countIngestionProblem(db, { accountId, kind: 'conflicting', count: validated.conflicts.length });
    }
    return {
      accepted: validated.accepted,
      repeated: hashed.length - validated.accepted - validated.conflicts.length,
      conflicts: validated.conflicts.map(({ posting, code }) => ({
        transactionId: posting.transactionId,
        code,
      })),
    };
  });
}

function hashedOf(posting: ReceivedPosting): Hashed {
  return { posting, hash: sha256Hex(canonicalContent(posting)) };
}

function firstOfEach(hashed: readonly Hashed[]): Map<string, Hashed> {
  const first = new Map<string, Hashed>();
  for (const item of hashed) {
    if (!first.has(item.posting.transactionId)) first.set(item.posting.transactionId, item);
  }
  return first;
}

/** A new version of a stored posting, with the versions before it. */
interface Replacement extends Hashed {
  readonly earlier: readonly string[];
}

/** Decides in the order of the input; what is in the chunk but not in `existing` was inserted as its first version. */
function validate(
  hashed: readonly Hashed[],
  existing: ReadonlyMap<string, Known>,
  uses: ReadonlyMap<string, PostingUse>,
) {
  const known = new Map(existing);
  const replacements = new Map<string, Replacement>();
  const conflicts: FoundConflict[] = [];
  let accepted = 0;
  for (const item of hashed) {
    const { posting, hash } = item;
    const { transactionId, status } = posting;
    const before = known.get(transactionId);
    if (before !== undefined && isRepeatOf(before, item)) continue;
    const use = uses.get(transactionId) ?? 'none';
    const code = before === undefined ? null : conflictOf({ stored: before.status, received: status, use });
    if (code !== null) {
      conflicts.push({ ...item, code });
      continue;
    }
    accepted += 1;
    const earlier = before === undefined ? [] : earlierVersions(before);
    known.set(transactionId, { ...posting, hash, earlier });
    if (before === undefined) continue;
    // The last version is written, at its own position.
    replacements.delete(transactionId);
    replacements.set(transactionId, { ...item, earlier });
  }
  return { accepted, replacements: [...replacements.values()], conflicts };
}

/** The stored version again, or one that it had while it was pending: an old export sent again changes nothing. */
function isRepeatOf(stored: Known, received: Hashed): boolean {
  return isSameContent(stored, received, sha256Hex) || stored.earlier.includes(received.hash);
}

/** Of what replaces the stored version. A posted one that was withdrawn is none of them: sent again it is a conflict. */
function earlierVersions(stored: Known): readonly string[] {
  if (stored.status !== 'pending') return stored.earlier;
  return [...stored.earlier, stored.hash].slice(-earlierVersionsMax);
}

/** Writers of one account wait here for each other; readers and foreign keys do not. Answers the last sequence given. */
async function lockAccount(db: Queryable, input: { accountId: string; currency: string }): Promise<string> {
  const { rows } = await db.query<{ last_sequence: string; currency: string }>(
    `SELECT last_sequence, currency FROM accounts WHERE account_id = $1 FOR NO KEY UPDATE`,
    [input.accountId],
  );
  const row = rows[0];
  if (row?.currency !== input.currency) throw new AccountChanged('the account has another currency now');
  return row.last_sequence;
}

/** The columns of `unnest` in the statements below, from the second parameter on. */
const unnested = `unnest($2::text[], $3::timestamptz[], $4::date[], $5::timestamptz[], $6::numeric[], $7::text[], $8::text[],
    $9::text[], $10::text[], $11::text[], $12::bytea[]) WITH ORDINALITY
    AS t (transaction_id, posted_at, booking_day, send_at, amount, description, payee, transaction_type, status, corrects,
          content_hash, position)`;

function columnsOf(items: readonly Hashed[]): unknown[][] {
  return [
    items.map(({ posting }) => posting.transactionId),
    items.map(({ posting }) => posting.postedAt),
    items.map(({ posting }) => posting.bookingDay),
    items.map(({ posting }) => posting.sendAt),
    items.map(({ posting }) => posting.amount),
    items.map(({ posting }) => posting.description),
    items.map(({ posting }) => posting.payee),
    items.map(({ posting }) => posting.transactionType),
    items.map(({ posting }) => posting.status),
    items.map(({ posting }) => posting.corrects),
    items.map(({ hash }) => `\\x${hash}`),
  ];
}

/**
 * Inserts those whose id is unknown, in one statement, and answers what is stored of the others. NOT IN, since that is
 * a hash table whatever the planner estimates: for a new account NOT EXISTS became a nested loop of a million steps.
 */
async function insertUnknown(
  db: Queryable,
  input: { accountId: string; lastSequence: string; heads: readonly Hashed[] },
): Promise<Map<string, Known>> {
  const { rows } = await db.query<RawKnown>(
    `WITH existing AS MATERIALIZED (
       SELECT transaction_id, content_hash, status, posted_at, booking_day, earlier_hashes FROM postings
        WHERE account_id = $1 AND transaction_id = ANY ($2::text[])
     ), unknown AS (
       SELECT t.*, row_number() OVER (ORDER BY position) AS step FROM ${unnested}
        WHERE t.transaction_id COLLATE "C" NOT IN (SELECT transaction_id FROM existing)
     ), inserted AS (
       INSERT INTO postings (account_id, transaction_id, sequence, posted_at, booking_day, send_at, amount, description,
                             payee, transaction_type, status, corrects, content_hash)
       SELECT $1, transaction_id, $13::bigint + step, posted_at, booking_day, send_at, amount, description, payee,
              transaction_type, status, corrects, content_hash
         FROM unknown
     ), counted AS (
       UPDATE accounts SET last_sequence = last_sequence + (SELECT count(*) FROM unknown)
        WHERE account_id = $1 AND EXISTS (SELECT 1 FROM unknown)
     )
     SELECT ${knownColumns} FROM existing`,
    [input.accountId, ...columnsOf(input.heads), input.lastSequence],
  );
  return new Map(rows.map((row) => [row.transaction_id, knownFrom(row)]));
}

interface RawKnown {
  transaction_id: string;
  content_hash: string;
  status: PostingStatus;
  posted_at: string;
  booking_day: string;
  earlier_hashes: string | null;
}

const knownColumns = `transaction_id, encode(content_hash, 'hex') AS content_hash, status, posted_at, booking_day,
       encode(earlier_hashes, 'hex') AS earlier_hashes`;
const sha256HexLength = 64;

function knownFrom(row: RawKnown): Known {
  const all = row.earlier_hashes ?? '';
  const earlier = Array.from({ length: all.length / sha256HexLength }, (_, index) =>
    all.slice(index * sha256HexLength, (index + 1) * sha256HexLength),
  );
  return {
    hash: row.content_hash,
    status: row.status,
    postedAt: row.posted_at,
    bookingDay: row.booking_day,
    earlier,
  };
}

/** Which of the postings are stored already, as they are or as an earlier pending version. */
export async function findRepeats(
  db: Queryable,
  input: { accountId: string; postings: readonly ReceivedPosting[] },
): Promise<Set<ReceivedPosting>> {
  const { rows } = await db.query<RawKnown>(
    `SELECT ${knownColumns} FROM postings WHERE account_id = $1 AND transaction_id = ANY ($2::text[])`,
    [input.accountId, input.postings.map(({ transactionId }) => transactionId)],
  );
  const known = new Map(rows.map((row) => [row.transaction_id, knownFrom(row)]));
  return new Set(
    input.postings.filter((posting) => {
      const stored = known.get(posting.transactionId);
      return stored !== undefined && isRepeatOf(stored, hashedOf(posting));
    }),
  );
}

/** A stored row becomes its new version, at the end of the account's order of arrival. */
async function replaceStored(
  db: Queryable,
  input: { accountId: string; items: readonly Replacement[] },
): Promise<void> {
  const { rowCount } = await db.query(
    `WITH counted AS (
       UPDATE accounts SET last_sequence = last_sequence + $13::bigint WHERE account_id = $1
       RETURNING last_sequence - $13::bigint AS base
     )
     UPDATE postings p
        SET sequence = counted.base + t.position, posted_at = t.posted_at, booking_day = t.booking_day,
            send_at = t.send_at, amount = t.amount, payee = t.payee, description = t.description,
            transaction_type = t.transaction_type, status = t.status, corrects = t.corrects,
            content_hash = t.content_hash, received_at = now(), earlier_hashes = ($14::bytea[])[t.position]
       FROM counted, ${unnested}
      WHERE p.account_id = $1 AND p.transaction_id = t.transaction_id COLLATE "C" AND p.status <> 'void'`,
    [
      input.accountId,
      ...columnsOf(input.items),
      input.items.length,
      input.items.map(({ earlier }) => (earlier.length === 0 ? null : `\\x${earlier.join('')}`)),
    ],
  );
  if (rowCount !== input.items.length) throw new Error('a stored posting was not where it was read');
}
