import { appendResults } from './docs/reliability-results.js';
import { helpText, readArguments, chunkRuns, type SoakArguments } from './soak/arguments.js';
import { runChunk, type ChunkResult } from './soak/run-chunk.js';

/**
 * `npm run soak` runs the seeded simulations in chunks and adds the result of each finished chunk to
 * docs/reliability/results/soak.json. The chunk that begins at run N has the seed `--seed` + N / chunk size, so every
 * run can be repeated. The first violation ends it, with the command that replays the failing example.
 */
async function main(args: string[]): Promise<void> {
  if (args.includes('--help')) return printLine(helpText);
  const soak = readArguments(args);
  if (soak.path !== undefined) return await replay(soak);
  const chunk = chunkRuns[soak.depth];
  for (let from = soak.from; from < soak.runs; from += chunk) {
    const runs = Math.min(chunk, soak.runs - from);
    const seed = soak.seed + from / chunk;
    printLine(`runs ${from} to ${from + runs - 1}, seed ${seed}`);
    const result = await runChunk({ ...soak, seed, runs }, (done) =>
      printLine(`  ${from + done} of ${soak.runs}`),
    );
    // A process that failed without an example is an error of the test, not a result.
    if (!soak.dry && (result.passed || result.replay !== null)) {
      const row = { depth: soak.depth, seed, runs, violations: result.passed ? 0 : 1 };
      await appendResults('soak', [result.replay === null ? row : { ...row, replay: result.replay }]);
    }
    if (!result.passed) return fail(result);
    if (from + runs < soak.runs) {
      printLine(
        `done; to continue later: npm run soak -- --depth ${soak.depth} --seed ${soak.seed} --from ${from + runs}`,
      );
    }
  }
  printLine(`${soak.runs - soak.from} runs, no violation`);
}

async function replay(soak: SoakArguments): Promise<void> {
  const result = await runChunk({ ...soak, runs: 1 }, () => undefined);
  if (!result.passed) return fail(result);
  printLine('the example passes now');
}

function fail(result: ChunkResult): void {
  printLine(result.output);
  process.exitCode = 1;
}

function printLine(line: string): void {
  process.stdout.write(`${line}\n`);
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
