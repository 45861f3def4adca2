import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { CommanderError } from 'commander';
import { ConfigurationError, readCliConfig } from '../config.js';
import { createApiClient } from './api-client.js';
import type { CommandContext } from './command-context.js';
import { readCommandEnvironment } from './environment.js';
import { CommandFailure, exitCodes } from './exit-codes.js';
import { addDoctor } from './local/doctor/command.js';
import { createProgram, exitCodeOfParsing } from './program.js';
import { createTerminal, type Terminal } from './terminal.js';

/** The entry point of the command `bankfeeds`: reads the environment, runs one command, sets the exit code. */

const root = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Runs the command that `args` name (without node and file) and ends the process with its exit code: connections that
 * wait for a server which is away would keep it running.
 */
export async function main(args: readonly string[]): Promise<void> {
  // A reader that ends, as in `bankfeeds feed list | head`, is no failure of ours.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
  process.stderr.on('error', () => undefined);
  const { env: environment, stdout, stderr } = process;
  const terminal = createTerminal({ stdout, stderr, environment });
  const readEnvironment = () => readCommandEnvironment({ environment, root });
  const context: CommandContext = {
    terminal,
    environment: readEnvironment,
    api: async () => {
      const { variables } = await readEnvironment();
      const config = readCliConfig(variables);
      return createApiClient({ url: config.publicUrl, token: config.OPS_API_TOKEN });
    },
    exitWith: (code) => {
      process.exitCode = code;
    },
  };
  try {
    const program = createProgram({ version: await readVersion(), context, local: [addDoctor] });
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    process.exitCode = report(error, terminal);
  }
  // What is written to a pipe may still be on its way.
  await Promise.all([stdout, stderr].map((stream) => new Promise((resolve) => stream.write('', resolve))));
  process.exit();
}

async function readVersion(): Promise<string> {
  const text = await readFile(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/** Writes what a person needs to know about it; answers the exit code. Commander has written its own errors. */
function report(error: unknown, terminal: Terminal): number {
  if (error instanceof CommanderError) return exitCodeOfParsing(error);
  if (error instanceof CommandFailure) {
    terminal.note(error.message);
    return error.exitCode;
  }
  if (error instanceof ConfigurationError) {
    terminal.note(error.message);
    return exitCodes.configuration;
  }
  terminal.note(error instanceof Error ? (error.stack ?? error.message) : String(error));
  return exitCodes.failed;
}
