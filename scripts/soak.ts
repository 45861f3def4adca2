import { appendResults } from './docs/reliability-results.js';
import { helpText, readArguments, stretchRuns, type SoakArguments } from './soak/arguments.js';
import { runStretch, type StretchResult } from './soak/run-stretch.js';

/**
 * `npm run soak` runs the seeded simulations for as long as one likes, stretch by stretch, and adds each finished stretch to
 * docs/reliability/results/soak.json. The stretch that begins at run N has the seed `--seed` + N / stretch, so every run
 * can be had again. The first violation ends it, with the command that replays the failing example.
 */
async function main(args: string[]): Promise<void> {
  if (args.includes('--help')) return say(helpText);
  const soak = readArguments(args);
  if (soak.path !== undefined) return await replay(soak);
  const stretch = stretchRuns[soak.depth];
  for (let from = soak.from; from < soak.runs; from += stretch) {
    const runs = Math.min(stretch, soak.runs - from);
    const seed = soak.seed + from / stretch;
    say(`runs ${from} to ${from + runs - 1}, seed ${seed}`);
    const result = await runStretch({ ...soak, seed, runs }, (done) =>
      say(`  ${from + done} of ${soak.runs}`),
    );
    // A process that failed without an example has broken down; that is no finding.
    if (!soak.dry && (result.passed || result.replay !== null)) {
      const row = { depth: soak.depth, seed, runs, violations: result.passed ? 0 : 1 };
      await appendResults('soak', [result.replay === null ? row : { ...row, replay: result.replay }]);
    }
    if (!result.passed) return fail(result);
    if (from + runs < soak.runs) {
      say(
        `done; to go on later: npm run soak -- --depth ${soak.depth} --seed ${soak.seed} --from ${from + runs}`,
      );
    }
  }
  say(`${soak.runs - soak.from} runs, no violation`);
}

async function replay(soak: SoakArguments): Promise<void> {
  const result = await runStretch({ ...soak, runs: 1 }, () => undefined);
  if (!result.passed) return fail(result);
  say('the example passes now');
}

function fail(result: StretchResult): void {
  say(result.output);
  process.exitCode = 1;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
