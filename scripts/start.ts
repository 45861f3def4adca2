// npm start: the whole service on this machine. npm start -- --fresh deletes its data first.
// Node's version is checked before anything is imported: an older version would fail with an unclear error.
const nodeMin = [20, 19] as const;

/** Both npm and the terminal send SIGINT for one Ctrl-C: only a later one is a second request. */
const secondRequestMs = 1_000;

async function main(): Promise<void> {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major < nodeMin[0] || (major === nodeMin[0] && minor < nodeMin[1])) {
    return fail(`Node ${process.versions.node} is too old: install Node ${nodeMin.join('.')} or newer.`);
  }
  const unknown = process.argv.slice(2).filter((argument) => argument !== '--fresh');
  if (unknown.length > 0) return fail(`Unknown argument ${unknown.join(' ')}: only --fresh is known.`);
  // Everything that this process and its parts create is for the current user alone.
  process.umask(0o077);
  // A closed terminal must not end this process before the parts that it started.
  process.stdout.on('error', () => undefined);
  process.stderr.on('error', () => undefined);
  const stopping = stopOnSignal();
  const { startService } = await import('./local/start-service.js');
  const { addressTable } = await import('./local/address-table.js');
  try {
    const service = await startService({
      environment: process.env,
      fresh: process.argv.includes('--fresh'),
      printLine,
      signal: stopping,
    });
    if (!stopping.aborted) {
      printLine(`\n${addressTable(service)}\n\nready`);
      await new Promise((resolve) => stopping.addEventListener('abort', resolve, { once: true }));
    }
    await service.stop();
    printLine('stopped');
    process.exit(0);
  } catch (error) {
    if (stopping.aborted) process.exit(0);
    const { ConfigurationError, configurationExitCode } = await import('../src/config.js');
    if (error instanceof ConfigurationError) fail(error.message, configurationExitCode);
    fail(await explain(error));
  }
}

function stopOnSignal(): AbortSignal {
  const stopping = new AbortController();
  let firstAt = 0;
  const onSignal = (): void => {
    if (stopping.signal.aborted) {
      if (Date.now() - firstAt < secondRequestMs) return;
      printLine('exiting now; the next start stops the remaining processes');
      process.exit(130);
    }
    firstAt = Date.now();
    printLine('stopping (press again to exit immediately)');
    stopping.abort();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  process.on('SIGHUP', onSignal);
  return stopping.signal;
}

/** One sentence with the remedy for a known reason; otherwise the whole error, which is then a bug. */
async function explain(error: unknown): Promise<string> {
  const { LocalFailure } = await import('./local/local-failure.js');
  if (error instanceof LocalFailure) return error.message;
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOSPC') return 'The disk is full: free some space, or set LOCAL_DIR to another disk.';
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function printLine(line: string): void {
  process.stdout.write(`${line}\n`);
}

function fail(text: string, exitCode = 1): void {
  process.stderr.write(`${text}\n`);
  process.exit(exitCode);
}

await main();

export {};
