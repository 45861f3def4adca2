import { randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { apiPosting, postJson, postStream, type IngestAnswer } from '../api-client.js';
import { insertBare } from './bare-insert.js';
import type { BenchCase, CaseContext, Figure } from './bench-case.js';
import type { RunningApi } from '../fixture.js';
import { seedAccount, seedCustomer } from '../../test/support/rutter/seed-feed.js';
import { watchMemory } from '../memory-watch.js';
import { postingId } from './seed-feeds.js';

const bareRows = 200_000;
const jsonCalls = 20;
const postingsPerCall = 10_000;
const streamed = 1_000_000;
const linesPerWrite = 1_000;
const megabyte = 1_000_000;

interface Measured {
  readonly rows: number;
  readonly seconds: number;
}

/** The rate of ingestion over HTTP, and the share of it that PostgreSQL alone needs. */
export const ingest: BenchCase = {
  name: 'ingest',
  about: `postings over HTTP (JSON by ${postingsPerCall}, one NDJSON stream of ${streamed}) against a bare unnest insert`,
  run: async (context) => {
    const { fixture, printLine } = context;
    await fixture.freshSandbox();
    const api = await fixture.startApi();
    const file = join(fixture.folder, 'postings.ndjson');
    await writeLines(file, streamed);
    const faults: string[] = [];
    const warmUp = await account(context);
    await sendJson(api, { accountId: warmUp, calls: 2, faults });

    // Before and after, since the table grows in between.
    const bareBefore = await measureBare(context);
    printLine(`  bare insert ${describe(bareBefore)}`);
    const json = await measureJson(context, api, faults);
    printLine(`  JSON        ${describe(json)}`);
    const { stream, memory } = await measureStream(context, { api, file, faults });
    printLine(`  NDJSON      ${describe(stream)}`);
    const bareAfter = await measureBare(context);
    printLine(`  bare insert ${describe(bareAfter)}`);
    await rm(file);
    const bare = {
      rows: bareBefore.rows + bareAfter.rows,
      seconds: bareBefore.seconds + bareAfter.seconds,
    };
    return { figures: [...rates({ bare, json, stream }), ...memory], faults };
  },
};

async function account({ fixture }: CaseContext): Promise<string> {
  const [customerId, accountId] = [`cust-${randomUUID()}`, `acc-${randomUUID()}`];
  await seedCustomer(fixture.pool, { customerId });
  await seedAccount(fixture.pool, { accountId, customerId });
  return accountId;
}

async function measureBare(context: CaseContext): Promise<Measured> {
  await context.fixture.pool.query('CHECKPOINT');
  const seconds = await insertBare(context.fixture.pool, {
    accountId: await account(context),
    rows: bareRows,
    idOf: postingId,
  });
  return { rows: bareRows, seconds };
}

async function measureJson(context: CaseContext, api: RunningApi, faults: string[]): Promise<Measured> {
  await context.fixture.pool.query('CHECKPOINT');
  const accountId = await account(context);
  const seconds = await sendJson(api, { accountId, calls: jsonCalls, faults });
  const rows = jsonCalls * postingsPerCall;
  faults.push(...(await storedFaults(context, { accountId, rows })));
  return { rows, seconds };
}

/** One caller, one call after the other. @returns seconds from the first byte to the last answer */
async function sendJson(
  api: RunningApi,
  input: { accountId: string; calls: number; faults: string[] },
): Promise<number> {
  // Made before the clock starts: the caller's work is not what is measured.
  const bodies = Array.from({ length: input.calls }, (_, call) =>
    JSON.stringify({
      transactions: Array.from({ length: postingsPerCall }, (__, index) =>
        numberedPosting(call * postingsPerCall + index),
      ),
    }),
  );
  const startedMs = performance.now();
  for (const body of bodies) {
    const answer = await postJson(api, { accountId: input.accountId, body });
    input.faults.push(...answerFaults('JSON', answer, postingsPerCall));
  }
  return (performance.now() - startedMs) / 1_000;
}

async function measureStream(
  context: CaseContext,
  input: { api: RunningApi; file: string; faults: string[] },
): Promise<{ stream: Measured; memory: Figure[] }> {
  const { api, file, faults } = input;
  await context.fixture.pool.query('CHECKPOINT');
  const accountId = await account(context);
  const memory = await watchMemory(api.pid);
  const startedMs = performance.now();
  const answer = await postStream(api, { accountId, lines: createReadStream(file) });
  const seconds = (performance.now() - startedMs) / 1_000;
  const { beforeBytes, peakBytes } = await memory.stop();
  faults.push(...answerFaults('NDJSON', answer, streamed));
  faults.push(...(await storedFaults(context, { accountId, rows: streamed })));
  return {
    stream: { rows: streamed, seconds },
    memory: [
      {
        name: 'API memory (RSS) while streaming, peak',
        value: peakBytes / megabyte,
        unit: 'MB',
        note: `${(beforeBytes / megabyte).toFixed(0)} MB before the stream`,
      },
    ],
  };
}

function numberedPosting(index: number): unknown {
  return apiPosting(postingId(index), index);
}

async function writeLines(file: string, count: number): Promise<void> {
  const chunks = function* (): Generator<string> {
    for (let start = 0; start < count; start += linesPerWrite) {
      const lines = Array.from({ length: Math.min(linesPerWrite, count - start) }, (_, index) =>
        JSON.stringify(numberedPosting(start + index)),
      );
      yield `${lines.join('\n')}\n`;
    }
  };
  await pipeline(Readable.from(chunks()), createWriteStream(file));
}

function answerFaults(how: string, answer: IngestAnswer, sent: number): string[] {
  return answer.accepted === sent
    ? []
    : [
        `${how}: ${answer.accepted} of ${sent} postings accepted, ${answer.repeated} repeated, ${answer.rejected_total} rejected`,
      ];
}

/** All of them, once, in the order in which they were sent. */
async function storedFaults(
  { fixture }: CaseContext,
  input: { accountId: string; rows: number },
): Promise<string[]> {
  const { rows } = await fixture.pool.query<{ stored: string; disordered: string }>(
    `SELECT count(*) AS stored,
            count(*) FILTER (WHERE transaction_id <> 'tx-' || lpad(sequence::text, 8, '0')) AS disordered
       FROM postings WHERE account_id = $1`,
    [input.accountId],
  );
  const { stored, disordered } = rows[0] ?? { stored: '0', disordered: '0' };
  if (Number(stored) === input.rows && disordered === '0') return [];
  return [`${stored} of ${input.rows} postings stored, ${disordered} of them out of order`];
}

function rates(input: { bare: Measured; json: Measured; stream: Measured }): Figure[] {
  const rate = ({ rows, seconds }: Measured): number => rows / seconds;
  const ratio = (measured: Measured): number => rate(measured) / rate(input.bare);
  return [
    {
      name: 'bare unnest insert, 1,000 a statement',
      value: rate(input.bare),
      unit: 'rows/s',
      note: 'the same rows and table, one connection',
    },
    { name: 'JSON', value: rate(input.json), unit: 'postings/s' },
    { name: 'JSON, ratio to the bare insert', value: ratio(input.json), unit: '', digits: 2 },
    {
      name: 'NDJSON',
      value: rate(input.stream),
      unit: 'postings/s',
      note: `${input.stream.rows.toLocaleString('en-GB')} in ${input.stream.seconds.toFixed(1)} s`,
    },
    { name: 'NDJSON, ratio to the bare insert', value: ratio(input.stream), unit: '', digits: 2 },
  ];
}

function describe({ rows, seconds }: Measured): string {
  return `${rows.toLocaleString('en-GB')} in ${seconds.toFixed(1)} s`;
}
