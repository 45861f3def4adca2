import { buildWorkflowBundle } from '../workflow-bundle.js';
import type { PrintLine } from '../local/local-failure.js';
import type { ChaosArguments } from './arguments.js';
import { CoreBanking } from './core-banking.js';
import { makeFeeds } from './feeds.js';
import type { SeededFeed } from '../../test/support/rutter/seed-feed.js';
import { nextNewBatch } from './next-post.js';
import { killAtPoint } from './points.js';
import { planSteps, type Step } from './plan.js';
import { Checker, type Findings } from './checker.js';
import { openResults, recordResults, renderResults, type Results } from './results.js';
import { seededRandom } from './seeded-random.js';
import { openStack, type Stack } from './stack.js';
import { killAtRandom } from './targets.js';
import { freezePastLease } from './zombie.js';

const connections = 40;
const feedsEach = 5;
/** Feeds for the exact points only, each on its own connection. */
const spares = 12;
/** Postings that each feed has to deliver at the start. */
const backfillPostings = 1_500;
const sendsAtOnce = 4;
const jobRunMs = 1_000;
const checkEverySteps = 10;
const faultExitCode = 1;
const interruptedExitCode = 130;

/**
 * Starts the whole service, begins a backfill of 200 feeds and kills processes, step by step.
 *
 * @returns the exit code: 0 if no posting was lost, duplicated or out of order and no rule was broken
 */
export async function runChaos(input: ChaosArguments & { printLine: PrintLine }): Promise<number> {
  const { printLine, seed } = input;
  const steps = planSteps(input);
  printLine(`seed ${String(seed)}: ${String(steps.length)} steps, from ${String(input.from)} on`);
  const results = await openResults({ seed, from: input.from });
  await buildWorkflowBundle();
  const stack = await openStack(input);
  const interrupt = (): void => {
    printLine('stopping');
    void stack.close().then(() => process.exit(interruptedExitCode));
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, interrupt);
  try {
    const spareFeeds = await makeFeeds(stack, { connections: spares, feedsEach: 1 });
    const feeds = await makeFeeds(stack, { connections, feedsEach });
    const coreBanking = new CoreBanking(stack, feeds, seededRandom(seed));
    const checker = new Checker(stack, [...feeds, ...spareFeeds], coreBanking);
    await beginBackfill({ stack, coreBanking, feeds, spareFeeds, printLine });
    const faults = await doSteps({ ...input, steps, stack, coreBanking, spareFeeds, checker, results });
    printLine('all steps done: waiting until every feed has caught up');
    const end = await checker.conclude(printLine);
    await results.conclude(end, faults);
    // Only full runs are recorded.
    if (input.count === undefined) await recordResults(results);
    return conclude({ printLine, results, end, faults, stack, coreBanking });
  } finally {
    await stack.close();
  }
}

async function beginBackfill(input: {
  stack: Stack;
  coreBanking: CoreBanking;
  feeds: readonly SeededFeed[];
  spareFeeds: readonly SeededFeed[];
  printLine: PrintLine;
}): Promise<void> {
  const { stack, coreBanking, feeds, spareFeeds, printLine } = input;
  printLine(`a backfill of ${String(feeds.length)} feeds begins`);
  const startedMs = Date.now();
  await stack.rutter.turnKnobs({ jobRunMs, preferSyncWindowMs: 2 * jobRunMs });
  const waiting = [...feeds];
  const sender = async (): Promise<void> => {
    for (let feed = waiting.pop(); feed !== undefined; feed = waiting.pop()) {
      await coreBanking.send(feed, backfillPostings);
    }
  };
  await Promise.all(Array.from({ length: sendsAtOnce }, sender));
  for (const feed of spareFeeds) await coreBanking.send(feed, 1);
  coreBanking.start();
  await nextNewBatch(stack, startedMs);
}

interface RunInput extends ChaosArguments {
  printLine: PrintLine;
  steps: readonly Step[];
  stack: Stack;
  coreBanking: CoreBanking;
  spareFeeds: readonly SeededFeed[];
  checker: Checker;
  results: Results;
}

/** @returns the faults of the first failing check, which ends the run: later checks would find them again */
async function doSteps(input: RunInput): Promise<readonly string[]> {
  const { printLine, steps, results, checker } = input;
  for (const [index, step] of steps.entries()) {
    const number = index + 1;
    if (number < input.from) continue;
    const { recoveredMs, missed } = await doStep(input, step, number);
    await results.add({ number, target: step.target, point: step.point, recoveredMs, missed });
    const attempts = missed === 0 ? '' : `, hit at attempt ${String(missed + 1)}`;
    printLine(
      `${String(number).padStart(4)} ${step.target} ${step.point ?? ''}: ${(recoveredMs / 1_000).toFixed(1)} s${attempts}`,
    );
    if (number % checkEverySteps !== 0) continue;
    const found: Findings = await checker.check();
    printLine(`     ${found.faults.length === 0 ? 'all in order' : found.faults.join('\n     ')}`);
    if (found.faults.length > 0) return found.faults;
  }
  return [];
}

async function doStep(
  input: RunInput,
  step: Step,
  number: number,
): Promise<{ recoveredMs: number; missed: number }> {
  const { stack, coreBanking, spareFeeds, printLine } = input;
  // One generator per step: a continued run draws the same numbers as an uninterrupted one.
  const random = seededRandom(input.seed * 1_000 + number);
  const context = { stack, coreBanking, random, spareFeeds, printLine };
  switch (step.target) {
    case 'points':
      return await killAtPoint(context, step.point);
    case 'zombie':
      return await freezePastLease(context, step.point);
    default:
      return { recoveredMs: await killAtRandom(context, step.target), missed: 0 };
  }
}

function conclude(input: {
  printLine: PrintLine;
  results: Results;
  end: Findings;
  faults: readonly string[];
  stack: Stack;
  coreBanking: CoreBanking;
}): number {
  const { printLine, stack, coreBanking } = input;
  printLine(renderResults(input.results));
  printLine(
    `${String(coreBanking.acknowledgedCount)} postings sent, ${String(coreBanking.failedCalls)} calls repeated`,
  );
  for (const part of [stack.postgres, stack.temporal, stack.api, ...stack.workers]) {
    if (part.unplannedEnds > 0) printLine(`${part.name} ended by itself ${String(part.unplannedEnds)} times`);
  }
  const all = [...new Set([...input.faults, ...input.end.faults])];
  for (const fault of all) printLine(`FAULT: ${fault}`);
  return all.length === 0 ? 0 : faultExitCode;
}
