import { setTimeout as sleep } from 'node:timers/promises';
import { buildWorkflowBundle } from '../scripts/workflow-bundle.js';
import { LocalFailure } from '../scripts/local/local-failure.js';
import { readArguments } from './arguments.js';
import { backfill1x20 } from './rutter/backfill-1x20.js';
import { backfill50x4 } from './rutter/backfill-50x4.js';
import { passes, type BenchCase, type CaseContext } from './rutter/bench-case.js';
import { fairness } from './rutter/fairness.js';
import { freshness } from './rutter/freshness.js';
import { openFixture } from './fixture.js';
import { handoff } from './rutter/handoff.js';
import { history } from './rutter/history.js';
import { ingest } from './rutter/ingest.js';
import { describeMachine, quietLoadMax, type Machine } from './machine.js';
import { requests } from './rutter/requests.js';
import { rulePreview } from './sage-banking/rule-preview.js';
import { sageReading } from './sage-banking/reading.js';
import { renderTable, type CaseReport } from './table.js';

const cases: readonly BenchCase[] = [
  requests,
  backfill50x4,
  backfill1x20,
  history,
  ingest,
  freshness,
  handoff,
  sageReading,
  rulePreview,
  fairness,
];

/** Missed targets concern speed; this finding concerns correctness. */
const faultExitCode = 1;
const interruptedExitCode = 130;
/** The writes of the case before complete down. */
const pauseBetweenMs = 2_000;

const helpText = `npm run bench                    all cases, one table at the end
npm run bench -- <case> …        single cases
npm run bench -- --json          the same as JSON on stdout, progress on stderr

${cases.map(({ name, about }) => `  ${name.padEnd(16)}${about}`).join('\n')}

Each case starts its own PostgreSQL (fsync on), Temporal server (on a file), sandbox, worker and API as real processes
in a temporary folder, and removes them at the end and on Ctrl-C. The sandbox's book is the checker: the exit code is
${faultExitCode} when a run lost, doubled or disordered postings, broke Rutter's contract or did not finish. A missed mark is no
failure: figures depend on the machine, so compare ratios of one run, on a quiet machine (load below ${quietLoadMax}).
`;

async function main(): Promise<number> {
  const known = cases.map(({ name }) => name);
  const { help, json, names } = readArguments(process.argv.slice(2), known);
  if (help) {
    process.stdout.write(helpText);
    return 0;
  }
  const printLine = (line: string): void => void (json ? process.stderr : process.stdout).write(`${line}\n`);
  const stopping = abortOnSignal(printLine);
  const machine = await describeMachine();
  printMachine(printLine, machine);
  await buildWorkflowBundle();
  const chosen = cases.filter(({ name }) => names.length === 0 || names.includes(name));
  const reports: CaseReport[] = [];
  for (const [index, benchCase] of chosen.entries()) {
    if (index > 0) await sleep(pauseBetweenMs, undefined, { signal: stopping }).catch(() => undefined);
    if (stopping.aborted) break;
    printLine(`\n${benchCase.name}: ${benchCase.about}`);
    reports.push(await runCase(benchCase, { printLine, signal: stopping }));
  }
  if (json) process.stdout.write(`${JSON.stringify(toJson(machine, reports), undefined, 2)}\n`);
  else printLine(`\n${renderTable(reports)}`);
  return conclude(reports, { printLine, interrupted: stopping.aborted });
}

async function runCase(
  benchCase: BenchCase,
  input: Pick<CaseContext, 'printLine' | 'signal'>,
): Promise<CaseReport> {
  const { name, about } = benchCase;
  const startedMs = performance.now();
  const seconds = (): number => (performance.now() - startedMs) / 1_000;
  try {
    const fixture = await openFixture(input);
    try {
      const result = await orAborted(benchCase.run({ ...input, fixture }), input.signal);
      return { name, about, result, seconds: seconds() };
    } finally {
      await fixture.close();
    }
  } catch (error) {
    return { name, about, failure: explain(error), seconds: seconds() };
  }
}

/** Who no longer wants it does not wait for the end of a run: its servers are stopped under it. */
function orAborted<Value>(work: Promise<Value>, signal: AbortSignal): Promise<Value> {
  const aborted = new Promise<never>((_, reject) => {
    const give = (): void => reject(new LocalFailure('stopped'));
    if (signal.aborted) give();
    signal.addEventListener('abort', give, { once: true });
  });
  return Promise.race([work, aborted]);
}

function explain(error: unknown): string {
  if (error instanceof LocalFailure) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function conclude(
  reports: readonly CaseReport[],
  input: { printLine: (line: string) => void; interrupted: boolean },
): number {
  const { printLine } = input;
  const figures = reports.flatMap(({ result }) => result?.figures ?? []);
  const marked = figures.filter((figure) => passes(figure) !== undefined);
  const missed = marked.filter((figure) => passes(figure) === false).length;
  const minutes = reports.reduce((total, report) => total + report.seconds, 0) / 60;
  printLine(`\n${marked.length - missed} of ${marked.length} targets reached, in ${minutes.toFixed(1)} min.`);
  if (input.interrupted) return interruptedExitCode;
  const faults = reports.flatMap(({ result }) => result?.faults ?? []);
  const failures = reports.flatMap(({ name, failure }) =>
    failure === undefined ? [] : [`${name}: ${failure}`],
  );
  for (const line of [...faults, ...failures]) printLine(`INVALID: ${line}`);
  return faults.length + failures.length > 0 ? faultExitCode : 0;
}

function printMachine(printLine: (line: string) => void, machine: Machine): void {
  printLine(
    `${machine.cores} cores, ${machine.memoryGb} GB, Node ${machine.node}, load ${machine.loadAtStart.toFixed(2)}, ` +
      `a durable write takes ${machine.durableWriteMs.toFixed(1)} ms`,
  );
  if (machine.loadAtStart > quietLoadMax) {
    printLine(`WARNING: the machine is busy (load above ${quietLoadMax}); absolute figures are too high.`);
  }
}

function toJson(machine: Machine, reports: readonly CaseReport[]): unknown {
  return {
    machine,
    cases: reports.map((report) => ({
      name: report.name,
      seconds: report.seconds,
      failure: report.failure,
      faults: report.result?.faults ?? [],
      figures: report.result?.figures.map((figure) => ({ ...figure, pass: passes(figure) })) ?? [],
    })),
  };
}

function abortOnSignal(printLine: (line: string) => void): AbortSignal {
  const stopping = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (stopping.signal.aborted) return;
      printLine('stopping');
      stopping.abort(new LocalFailure('interrupted'));
    });
  }
  return stopping.signal;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = faultExitCode;
}
