import { IllegalStateError } from '@temporalio/common';
import { DefaultLogger, Runtime, type LogEntry } from '@temporalio/worker';

type Receiver = (entry: LogEntry) => void;

let receive: Receiver = printErrors;

/**
 * Prepares the SDK's runtime. A process has only one, and test files share processes, so a second call replaces only
 * the receiver of the log entries (level INFO and above). Without a receiver, errors are printed.
 */
export function installRuntime(receiver: Receiver = printErrors): void {
  receive = receiver;
  try {
    Runtime.install({ logger: new DefaultLogger('INFO', (entry) => receive(entry)) });
  } catch (error) {
    if (!(error instanceof IllegalStateError)) throw error;
  }
}

function printErrors({ level, message, meta }: LogEntry): void {
  if (level === 'ERROR') process.stderr.write(`${message} ${JSON.stringify(meta)}\n`);
}
