import { type Command, Option } from 'commander';
import { jsonOption, type CommandContext } from '../../command-context.js';

const roles = ['api', 'worker', 'migrate'] as const;

interface Options {
  readonly role?: (typeof roles)[number];
  readonly json?: boolean;
  readonly afterRestore?: boolean;
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
    .option(
      '--after-restore',
      'after a restore of the database: list and repair what Rutter and Temporal know of the lost time',
    )
    .option(...jsonOption)
    .action(async ({ role, json = false, afterRestore = false }: Options) => {
      if (afterRestore) {
        const { runAfterRestore } = await import('./after-restore.js');
        return await runAfterRestore(context, { json });
      }
      const { runDoctor } = await import('./doctor.js');
      await runDoctor(context, { roles: role === undefined ? roles : [role], json });
    });
}
