import { Command, type CommanderError } from 'commander';
import type { CommandContext } from './command-context.js';
import { addFeedList } from './commands/feed-list.js';
import { exitCodes } from './exit-codes.js';

/** Adds a local command, which may use the database and Temporal; its code is loaded when it runs. */
export type AddLocalCommand = (program: Command, context: CommandContext) => void;

/** Adds the remote commands, group by group. A new command is a file in `commands` and a line here. */
function addRemoteCommands(program: Command, context: CommandContext): void {
  const feed = program.command('feed').description('feeds, over the machine API');
  addFeedList(feed, context);
}

/** The whole command line. `version` is that of the package. */
export function createProgram(input: {
  version: string;
  context: CommandContext;
  local: readonly AddLocalCommand[];
}): Command {
  const { version, context, local } = input;
  const program = new Command('bankfeeds')
    .description('Operators’ commands of the bank feed service.')
    .version(version)
    .showSuggestionAfterError()
    .addHelpText('after', exitCodesHelp)
    .configureOutput({
      writeOut: (text) => context.terminal.print(text.trimEnd()),
      writeErr: (text) => context.terminal.note(text.trimEnd()),
    });
  for (const add of local) add(program, context);
  addRemoteCommands(program, context);
  return exitOverridden(program);
}

const exitCodesHelp = `
Exit codes: 0 done, 1 refused or a check failed, 2 wrong usage, 69 the API does not answer,
77 the token may not do this, 78 a variable is missing or wrong. See docs/operations/cli.md.`;

/** Commander would end the process by itself, with its own codes. */
function exitOverridden(command: Command): Command {
  command.exitOverride();
  for (const child of command.commands) exitOverridden(child);
  return command;
}

/** The exit code of what Commander threw: help and version are no mistake. */
export function exitCodeOfParsing(error: CommanderError): number {
  return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
}
