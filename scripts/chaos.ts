// npm run chaos: kills each process of the running service at critical moments and checks that no posting is lost,
// duplicated or out of order; or runs test files of test/verify, with the faults of operations, again and again.
import { readArguments } from './chaos/arguments.js';
import { runChaos } from './chaos/run-chaos.js';
import { runTestTargets } from './chaos/run-test-targets.js';

const printLine = (line: string): void => void process.stdout.write(`${line}\n`);

try {
  const wanted = readArguments(process.argv.slice(2));
  if (typeof wanted === 'string') {
    printLine(wanted);
  } else {
    const killsCode = wanted.kills.length === 0 ? 0 : await runChaos({ ...wanted, printLine });
    const testsCode = await runTestTargets({ targets: wanted.tests, count: wanted.count, printLine });
    process.exitCode = Math.max(killsCode, testsCode);
  }
} catch (error) {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exitCode = 1;
}
process.exit();
