import type { CaseContext, CaseResult, Figure } from './bench-case.js';
import type { ForkedChild } from '../forked-child.js';
import { readHistory } from './histories.js';
import type { LoopAnswer, LoopRequest } from './plain-loop-child.js';
import { cpuBetween, readCpu, type CpuSeconds, type MeasuredPart } from '../process-cpu.js';
import { check } from '../checker.js';
import { backfillByService } from '../run-service.js';
import { seedFeeds } from './seed-feeds.js';
import { median, spread, sum } from '../statistics.js';

export interface BackfillShape {
  readonly feeds: number;
  readonly batchesEach: number;
  /** P: the time a POST takes at the provider before it is checked. */
  readonly postLatencyMs: number;
  /** J: the time its job runs, inside the synchronous answer. */
  readonly jobRunMs: number;
}

const batchSize = 1_000;
const runsEach = 3;
const warmUp: BackfillShape = { feeds: 5, batchesEach: 2, postLatencyMs: 0, jobRunMs: 0 };
const loopMs = 240_000;

interface Run {
  readonly wallSeconds: number;
  /** By part, over the run. */
  readonly cpu: CpuSeconds;
  /** History of one feed, median; of the service only. */
  readonly history?: { readonly events: number; readonly deliveryRuns: number };
}

type Side = 'service' | 'loop';

/**
 * The service against the plain loop: the same feeds, made again for each run, three runs of each, interleaved after a
 * warm-up of both. Peer, servers and load share the machine; CPU is that of everything under test: for the service the
 * worker, the Temporal server and PostgreSQL, for the loop itself and PostgreSQL.
 */
export async function compareBackfill(context: CaseContext, shape: BackfillShape): Promise<CaseResult> {
  const { fixture, printLine } = context;
  await fixture.freshSandbox();
  const worker = await fixture.startWorker();
  const loop = fixture.startLoop();
  const bench: Bench = { context, worker, loop, faults: [] };
  await runOnce(bench, 'service', warmUp, 'warm-up');
  await runOnce(bench, 'loop', warmUp, 'warm-up');
  const runs: Record<Side, Run[]> = { service: [], loop: [] };
  for (let round = 1; round <= runsEach; round += 1) {
    for (const side of ['service', 'loop'] as const) {
      const run = await runOnce(bench, side, shape, `run ${round}`);
      runs[side].push(run);
      const batches = shape.feeds * shape.batchesEach;
      const cpuMs = (1_000 * sum(Object.values(run.cpu))) / batches;
      printLine(
        `  ${side === 'loop' ? 'plain loop' : 'service   '} ${round}: ${run.wallSeconds.toFixed(2)} s, ${cpuMs.toFixed(1)} ms CPU a batch`,
      );
    }
  }
  return { figures: figuresOf(shape, runs), faults: bench.faults };
}

interface Bench {
  context: CaseContext;
  worker: MeasuredPart;
  loop: ForkedChild;
  faults: string[];
}

async function runOnce(bench: Bench, side: Side, shape: BackfillShape, run: string): Promise<Run> {
  const { context, worker, loop } = bench;
  const { fixture } = context;
  const sandbox = await fixture.freshSandbox();
  const count = shape.batchesEach * batchSize;
  const feeds = await seedFeeds(fixture, sandbox, { feeds: shape.feeds, postingsEach: count });
  await sandbox.turnKnobs({ postLatencyMs: shape.postLatencyMs, jobRunMs: shape.jobRunMs });
  const loopPart = { name: 'loop', pid: loop.pid };
  const parts =
    side === 'service'
      ? [worker, fixture.servers.temporal, fixture.servers.postgres]
      : [loopPart, fixture.servers.postgres];
  const before = await readCpu(parts);
  let wallSeconds: number;
  if (side === 'service') ({ wallSeconds } = await backfillByService(context, feeds));
  else {
    const startedMs = performance.now();
    const request: LoopRequest = { databaseUrl: fixture.databaseUrl, apiUrl: sandbox.apiUrl, feeds };
    await loop.ask<LoopAnswer>(request, loopMs);
    wallSeconds = (performance.now() - startedMs) / 1_000;
  }
  const cpu = cpuBetween(before, await readCpu(parts));
  context.signal.throwIfAborted();
  bench.faults.push(...(await check(sandbox, { feeds, count, run: `${side}, ${run}` })));
  if (side === 'loop') return { wallSeconds, cpu };
  const histories = await Promise.all(feeds.map((feed) => readHistory(fixture.temporal, feed)));
  const history = {
    events: median(histories.map(({ events }) => events)),
    deliveryRuns: median(histories.map(({ deliveryRuns }) => deliveryRuns)),
  };
  return { wallSeconds, cpu, history };
}

function figuresOf(shape: BackfillShape, runs: Record<Side, Run[]>): Figure[] {
  const floorSeconds = (shape.batchesEach * (shape.postLatencyMs + shape.jobRunMs)) / 1_000;
  const batches = shape.feeds * shape.batchesEach;
  const walls = (side: Side): number[] => runs[side].map((run) => run.wallSeconds);
  const cpuMs = (side: Side): number[] =>
    runs[side].map((run) => (1_000 * sum(Object.values(run.cpu))) / batches);
  const share = (side: Side): number[] => walls(side).map((wall) => (100 * (wall - floorSeconds)) / wall);
  const wall = { service: median(walls('service')), loop: median(walls('loop')) };
  const cpu = { service: median(cpuMs('service')), loop: median(cpuMs('loop')) };
  const events = median(runs.service.map((run) => run.history?.events ?? 0));
  const deliveryRuns = median(runs.service.map((run) => run.history?.deliveryRuns ?? 0));
  const perPart = (side: Side): string => describeParts(runs[side], batches);
  const digits = 2;
  return [
    {
      name: 'wall, ratio to the plain loop',
      value: wall.service / wall.loop,
      unit: '',
      digits,
      mark: { kind: 'at_most', value: 1.1 },
      note: `floor Σ(P+J) ${floorSeconds.toFixed(1)} s`,
    },
    { name: 'wall, service', value: wall.service, unit: 's', digits, note: spread(walls('service'), 2) },
    { name: 'wall, plain loop', value: wall.loop, unit: 's', digits, note: spread(walls('loop'), 2) },
    {
      name: 'share of wall time of the service',
      value: median(share('service')),
      unit: '%',
      digits: 1,
      note: `the loop's ${median(share('loop')).toFixed(1)} %`,
    },
    {
      name: 'CPU per batch, ratio to the loop',
      value: cpu.service / cpu.loop,
      unit: '',
      digits,
      mark: { kind: 'at_most', value: 1.5 },
    },
    { name: 'CPU per batch, service', value: cpu.service, unit: 'ms', digits: 1, note: perPart('service') },
    { name: 'CPU per batch, plain loop', value: cpu.loop, unit: 'ms', digits: 1, note: perPart('loop') },
    {
      // Without the event that starts the workflow run, and with the signal that woke the feed.
      name: 'history events per delivery run',
      value: (events - 1) / deliveryRuns,
      unit: '',
      digits: 1,
      mark: { kind: 'at_most', value: 12 },
      note: `${events} events with the run's start, ${deliveryRuns} delivery run(s), ${shape.batchesEach} batches a feed`,
    },
  ];
}

/** `worker 30.1 + Temporal 12.0 + PostgreSQL 9.8` */
function describeParts(runs: readonly Run[], batches: number): string {
  const names = Object.keys(runs[0]?.cpu ?? {});
  return names
    .map((name) => {
      const values = runs.map((run) => (1_000 * (run.cpu[name] ?? 0)) / batches);
      return `${name} ${median(values).toFixed(1)}`;
    })
    .join(' + ');
}
