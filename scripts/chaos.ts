// npm run chaos: kills each process of the running service at critical moments and checks that no posting is lost,
// duplicated or out of order.
import { readArguments } from './chaos/arguments.js';
import { runChaos } from './chaos/run-chaos.js';

const printLine = (line: string): void => void process.stdout.write(`${line}\n`);

try {
  const wanted = readArguments(process.argv.slice(2));
  process.exitCode =
    typeof wanted === 'string' ? (printLine(wanted), 0) : await runChaos({ ...wanted, printLine });
} catch (error) {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exitCode = 1;
}
process.exit();
