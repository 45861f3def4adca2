import type { Queryable } from './pool.js';

/** The history of a feed or a customer, for operators: batches and timeline, newest first. */

export interface BatchRecord {
  readonly batchId: string;
  readonly number: number;
  readonly size: number;
  readonly state: 'open' | 'delivered' | 'refused' | 'undone';
  readonly firstPostedAt: string;
  readonly lastPostedAt: string;
  readonly deliveredCount: number | null;
  /** How we know: the answer, the job, a read-back, or what an operator saw in Sage. */
  readonly evidence: 'answer' | 'job' | 'read_back' | 'operator' | null;
  readonly jobId: string | null;
  readonly builtAt: string;
  readonly completedAt: string | null;
  readonly attempts: readonly AttemptRecord[];
}

export interface AttemptRecord {
  readonly number: number;
  readonly state: 'open' | 'delivered' | 'nothing_synced' | 'in_doubt';
  readonly posts: number;
  readonly jobId: string | null;
  readonly httpStatus: number | null;
  readonly errorCode: string | null;
  readonly createdAt: string;
  readonly finalAt: string | null;
}

/** Up to `limit` batches of a feed with a number below `beforeNumber`, newest first, each with its attempts. */
export async function listBatches(
  db: Queryable,
  input: { feedId: string; beforeNumber?: number | undefined; limit: number },
): Promise<BatchRecord[]> {
  const batches = await db.query<Omit<BatchRecord, 'attempts'>>(
    `SELECT batch_id AS "batchId", number, size, state, first_posted_at AS "firstPostedAt",
            last_posted_at AS "lastPostedAt", delivered_count AS "deliveredCount", evidence, job_id AS "jobId",
            built_at AS "builtAt", completed_at AS "completedAt"
       FROM batches WHERE feed_id = $1 AND ($2::int IS NULL OR number < $2) ORDER BY number DESC LIMIT $3`,
    [input.feedId, input.beforeNumber ?? null, input.limit],
  );
  const attempts = await db.query<AttemptRecord & { batchId: string }>(
    `SELECT batch_id AS "batchId", number, state, posts, job_id AS "jobId", http_status AS "httpStatus",
            error_code AS "errorCode", created_at AS "createdAt", final_at AS "finalAt"
       FROM attempts WHERE batch_id = ANY ($1::uuid[]) ORDER BY number DESC`,
    [batches.rows.map((batch) => batch.batchId)],
  );
  return batches.rows.map((batch) => ({
    ...batch,
    attempts: attempts.rows.filter((attempt) => attempt.batchId === batch.batchId),
  }));
}

/** One thing that happened; `detail` holds ids, counts and codes. */
export interface TimelineRecord {
  /** Decimal text. */
  readonly entryId: string;
  readonly kind: string;
  readonly detail: Readonly<Record<string, unknown>>;
  readonly at: string;
}

/** Up to `limit` timeline rows of a feed older than `beforeEntryId`, newest first. */
export async function listTimeline(
  db: Queryable,
  input: { feedId: string; beforeEntryId?: string | undefined; limit: number },
): Promise<TimelineRecord[]> {
  const { rows } = await db.query<TimelineRecord>(
    `SELECT entry_id AS "entryId", kind, detail, at FROM timeline
      WHERE feed_id = $1 AND ($2::bigint IS NULL OR entry_id < $2) ORDER BY entry_id DESC LIMIT $3`,
    [input.feedId, input.beforeEntryId ?? null, input.limit],
  );
  return rows;
}

/** One thing that happened to a customer, and to which of its connections and feeds. */
export interface CustomerTimelineRecord extends TimelineRecord {
  readonly connectionId: string | null;
  readonly feedId: string | null;
}

/** Up to `limit` timeline rows of a customer, those of its feeds included, older than `beforeEntryId`, newest first. */
export async function listCustomerTimeline(
  db: Queryable,
  input: { customerId: string; beforeEntryId?: string | undefined; limit: number },
): Promise<CustomerTimelineRecord[]> {
  const { rows } = await db.query<CustomerTimelineRecord>(
    `SELECT entry_id AS "entryId", kind, detail, at, connection_id AS "connectionId", feed_id AS "feedId"
       FROM timeline
      WHERE customer_id = $1 AND ($2::bigint IS NULL OR entry_id < $2) ORDER BY entry_id DESC LIMIT $3`,
    [input.customerId, input.beforeEntryId ?? null, input.limit],
  );
  return rows;
}
