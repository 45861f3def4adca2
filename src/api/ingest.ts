import { AccountChanged } from '../db/postings.js';
import { isDatabaseUnavailable } from '../db/unavailable.js';
import { limits } from '../domain/limits.js';
import type { ApiDeps } from './deps.js';
import { IngestChunk, type IngestTarget } from './ingest-chunk.js';
import { IngestTally } from './ingest-tally.js';
import { parseJson } from './json-text.js';
import { ndjsonLineBytesMax, type NdjsonLine } from './ndjson-lines.js';
import { Problem, unavailable } from './problem.js';
import { decodeUtf8 } from './read-body.js';

/** While a stream is being read, the account's feeds are woken at most this often. */
const wakeIntervalMs = 1_000;

/**
 * Validates the items of a list and stores the good ones, 1000 at a time. Each chunk is a database transaction of its
 * own: when the database fails in between, the answer says how many items were stored, and sending all again is safe.
 */
export async function ingestList(target: IngestTarget, items: readonly unknown[]): Promise<IngestTally> {
  const tally = new IngestTally();
  const chunk = new IngestChunk(target, tally);
  try {
    for (const [index, value] of items.entries()) {
      chunk.add({ value, index, line: null });
      if ((index + 1) % limits.ingestChunkPostings === 0) await storeChunk(target, { chunk, tally });
    }
    await storeChunk(target, { chunk, tally });
  } finally {
    // Also when every item was a repeat or only a part was stored: an extra signal is harmless, a missing one is not.
    if (chunk.sawPostings) target.deps.accountSignals.wake(target.accountId);
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
  const chunk = new IngestChunk(target, tally);
  let index = 0;
  let committedLines = 0;
  let wokenAtMs = 0;
  try {
    for await (const line of lines) {
      addLine(chunk, line, index);
      index += 1;
      if (index - committedLines < limits.ingestChunkPostings) continue;
      await storeChunk(target, { chunk, tally, committedLines });
      committedLines = index;
      if (target.deps.nowMs() - wokenAtMs < wakeIntervalMs) continue;
      wokenAtMs = target.deps.nowMs();
      target.deps.accountSignals.wake(target.accountId);
    }
    await storeChunk(target, { chunk, tally, committedLines });
  } finally {
    target.deps.accountSignals.wake(target.accountId);
    count(target.deps, tally);
  }
  return tally;
}

function addLine(chunk: IngestChunk, line: NdjsonLine, index: number): void {
  const text = line === 'too_long' ? null : decodeUtf8(line);
  const reject = (reason: string) => {
    const errors = [{ pointer: '', reason }];
    chunk.reject({ transactionId: null, errors }, { value: null, index, line: text ?? '' });
  };
  if (line === 'too_long') return reject(`the line has more than ${ndjsonLineBytesMax} bytes`);
  if (text === null) return reject('the line is not valid UTF-8');
  if (text.trim() === '') return;
  const json = parseJson(text);
  if ('problem' in json) return reject(`the line ${json.detail}`);
  chunk.add({ value: json.value, index, line: text });
}

/** @throws {Problem} with the counts that were committed before, so that a caller can continue there or start again */
async function storeChunk(
  { deps, accountId }: IngestTarget,
  input: { chunk: IngestChunk; tally: IngestTally; committedLines?: number },
): Promise<void> {
  const { chunk, tally, committedLines } = input;
  try {
    await chunk.store();
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
    deps.logger.warn({ err: error, accountId, ...progress }, 'ingestion interrupted');
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
  deps.metrics.countPostings({ result: 'contradicting', count: tally.warningsTotal });
}
