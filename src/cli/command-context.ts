import type { ApiClient } from './api-client.js';
import type { CommandEnvironment } from './environment.js';
import type { ExitCode } from './exit-codes.js';
import type { Terminal } from './terminal.js';

/** What a command gets from the entry point. */
export interface CommandContext {
  readonly terminal: Terminal;
  /** @throws CommandFailure */
  environment(): Promise<CommandEnvironment>;
  /** The machine API with the operators' token. @throws CommandFailure when a variable is missing */
  api(): Promise<ApiClient>;
  /** What the process ends with, when the command has not thrown. */
  exitWith(code: ExitCode): void;
}

/** The option of every command that prints a result. */
export const jsonOption = ['--json', 'one JSON document on stdout, for programs'] as const;
