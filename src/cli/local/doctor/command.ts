import { type Command, Option } from 'commander';
import { jsonOption, type CommandContext } from '../../command-context.js';

const roles = ['api', 'worker', 'migrate'] as const;

interface Options {
  readonly role?: (typeof roles)[number];
  readonly json?: boolean;
}

/** `bankfeeds doctor`. Its code is loaded when it runs: remote commands start without database and Temporal clients. */
export function addDoctor(program: Command, context: CommandContext): void {
  program
    .command('doctor')
    .description('check configuration, database, Temporal, workers, providers, clocks and the login page')
    .addOption(
      new Option('--role <role>', 'check the variables of one role only, where each has its own').choices(
        roles,
      ),
    )
    .option(...jsonOption)
    .action(async ({ role, json = false }: Options) => {
      const { runDoctor } = await import('./doctor.js');
      await runDoctor(context, { roles: role === undefined ? roles : [role], json });
    });
}
