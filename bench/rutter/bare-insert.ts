import { createHash } from 'node:crypto';
import type { Pool } from '../../src/db/pool.js';
import { apiPosting } from '../api-client.js';

const rowsPerStatement = 1_000;

/**
 * The lower bound for ingestion: prepared rows, inserted through `unnest` into the same table with its indexes, a
 * thousand per statement, each statement its own durable transaction, one after the other. No validation, no repeats, no
 * sequence lock.
 *
 * @returns seconds for the statements alone
 */
export async function insertBare(
  pool: Pool,
  input: { accountId: string; rows: number; idOf: (index: number) => string },
): Promise<number> {
  const statements = Array.from({ length: input.rows / rowsPerStatement }, (_, statement) =>
    columnsOf(statement * rowsPerStatement, input.idOf),
  );
  const client = await pool.connect();
  try {
    const startedMs = performance.now();
    for (const columns of statements) {
      await client.query(
        `INSERT INTO postings (account_id, transaction_id, sequence, posted_at, booking_day, send_at, amount, description,
                               payee, transaction_type, status, content_hash)
         SELECT $1, t.id, t.sequence, t.posted_at, t.posted_at::date, t.posted_at, t.amount, t.description, t.payee, t.type, 'posted', t.hash
           FROM unnest($2::text[], $3::bigint[], $4::timestamptz[], $5::numeric[], $6::text[], $7::text[], $8::text[],
                       $9::bytea[]) AS t (id, sequence, posted_at, amount, description, payee, type, hash)`,
        [input.accountId, ...columns],
      );
    }
    return (performance.now() - startedMs) / 1_000;
  } finally {
    client.release();
  }
}

function columnsOf(from: number, idOf: (index: number) => string): unknown[][] {
  const numbers = Array.from({ length: rowsPerStatement }, (_, index) => from + index);
  const postings = numbers.map((number) => apiPosting(idOf(number), number));
  return [
    postings.map((posting) => posting.transaction_id),
    numbers.map((number) => number + 1),
    postings.map((posting) => posting.posted_at),
    postings.map((posting) => posting.amount),
    postings.map((posting) => posting.description),
    postings.map((posting) => posting.payee),
    postings.map((posting) => posting.transaction_type),
    postings.map((posting) => `\\x${createHash('sha256').update(JSON.stringify(posting)).digest('hex')}`),
  ];
}
