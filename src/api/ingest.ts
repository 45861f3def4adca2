import { AccountChanged, storePostings } from '../db/postings.js';
import { isDatabaseUnavailable } from '../db/unavailable.js';
import { limits } from '../domain/limits.js';
import { parsePosting, type Posting } from '../domain/posting-input.js';
import type { ApiDeps } from './deps.js';
import { IngestTally } from './ingest-tally.js';
import { parseJson } from './json-text.js';
import { ndjsonLineBytesMax, type NdjsonLine } from './ndjson-lines.js';
import { Problem, unavailable } from './problem.js';
import { decodeUtf8 } from './read-body.js';

export interface IngestTarget {
  readonly deps: ApiDeps;
  readonly accountId: string;
  /** As read before the body: the number of decimals is validated by it. */
  readonly currency: string;
}

/** While a stream is being read, the account's feeds are woken at most this often. */
const wakeIntervalMs = 1_000;

/**
 * Validates all items of a list, then stores the good ones, 1000 at a time. Each chunk is a database transaction of its
 * own: when the database fails in between, the answer says how many items were stored, and sending all again is safe.
 */
export async function ingestList(target: IngestTarget, items: readonly unknown[]): Promise<IngestTally> {
  const tally = new IngestTally();
  const nowMs = target.deps.nowMs();
  const postings: Posting[] = [];
  items.forEach((value, index) => {
    const result = parsePosting({ value, currency: target.currency, nowMs });
    if ('posting' in result) postings.push(result.posting);
    else tally.addRejected({ index, problem: result.problem, pointerPrefix: `/transactions/${index}` });
  });
  try {
    for (let start = 0; start < postings.length; start += limits.ingestChunkPostings) {
      await storeChunk(target, tally, postings.slice(start, start + limits.ingestChunkPostings));
    }
  } finally {
    // Also when every item was a repeat or only a part was stored: an extra signal is harmless, a missing one is not.
    if (postings.length > 0) target.deps.accountSignals.wake(target.accountId);
    count(target.deps, tally);
  }
  return tally;
}

/**
 * Stores a stream line by line and commits every 1000 lines. The stream is read no faster than it is stored. A line that
 * is not a posting is rejected with its index; empty lines are skipped but counted.
 */
export async function ingestLines(
  target: IngestTarget,
  lines: AsyncIterable<NdjsonLine>,
): Promise<IngestTally> {
  const tally = new IngestTally();
  let postings: Posting[] = [];
  let index = 0;
  let committedLines = 0;
  let wokenAtMs = 0;
  try {
    for await (const line of lines) {
      ingestLine(target, { tally, postings, line, index });
      index += 1;
      if (index - committedLines < limits.ingestChunkPostings) continue;
      await storeChunk(target, tally, postings, committedLines);
      postings = [];
      committedLines = index;
      if (target.deps.nowMs() - wokenAtMs < wakeIntervalMs) continue;
      wokenAtMs = target.deps.nowMs();
      target.deps.accountSignals.wake(target.accountId);
    }
    await storeChunk(target, tally, postings, committedLines);
  } finally {
    target.deps.accountSignals.wake(target.accountId);
    count(target.deps, tally);
  }
  return tally;
}

function ingestLine(
  target: IngestTarget,
  input: { tally: IngestTally; postings: Posting[]; line: NdjsonLine; index: number },
): void {
  const { tally, postings, line, index } = input;
  const reject = (reason: string) =>
    tally.addRejected({ index, problem: { transactionId: null, pointer: '', reason }, pointerPrefix: '' });
  if (line === 'too_long') return reject(`the line has more than ${ndjsonLineBytesMax} bytes`);
  const text = decodeUtf8(line);
  if (text === null) return reject('the line is not valid UTF-8');
  if (text.trim() === '') return;
  const json = parseJson(text);
  if ('problem' in json) return reject(`the line ${json.detail}`);
  const result = parsePosting({ value: json.value, currency: target.currency, nowMs: target.deps.nowMs() });
  if ('posting' in result) postings.push(result.posting);
  else tally.addRejected({ index, problem: result.problem, pointerPrefix: '' });
}

/** @throws {Problem} with the counts that were committed before, so that a caller can continue there or start again */
async function storeChunk(
  target: IngestTarget,
  tally: IngestTally,
  postings: readonly Posting[],
  committedLines?: number,
): Promise<void> {
  if (postings.length === 0) return;
  const { accountId, currency } = target;
  try {
    tally.addStored(await storePostings(target.deps.pool, { accountId, currency, postings }));
  } catch (error) {
    const progress = {
      ...(committedLines === undefined ? {} : { committed_lines: committedLines }),
      accepted: tally.accepted,
      repeated: tally.repeated,
      conflicts_total: tally.conflictsTotal,
    };
    if (error instanceof AccountChanged) {
      throw new Problem({ status: 409, code: 'account_changed', detail: error.message, extra: progress });
    }
    if (!isDatabaseUnavailable(error)) throw error;
    target.deps.logger.warn({ err: error, accountId, ...progress }, 'ingestion interrupted');
    throw unavailable({
      code: 'database_unavailable',
      detail:
        'the database stopped answering; the counted items are stored, and sending everything again is safe',
      extra: progress,
    });
  }
}

function count(deps: ApiDeps, tally: IngestTally): void {
  deps.metrics.countPostings({ result: 'accepted', count: tally.accepted });
  deps.metrics.countPostings({ result: 'repeated', count: tally.repeated });
  deps.metrics.countPostings({ result: 'conflict', count: tally.conflictsTotal });
  deps.metrics.countPostings({ result: 'rejected', count: tally.rejectedTotal });
}
