import { failed, ok, skipped, type Check } from './check.js';

/** The variables of a role, or what is wrong with them. */
export type RoleConfiguration<Config> =
  | { readonly config: Config; readonly problems: null }
  | { readonly config: null; readonly problems: readonly string[] };

/** Says which variables a role would refuse; the values are never shown. */
export function configurationCheck(
  role: string,
  configuration: RoleConfiguration<unknown> | null,
  encryption: { readonly problems: readonly string[] } | null,
): Check {
  return {
    id: `configuration-${role}`,
    run: () => {
      if (configuration === null) return skipped('not asked for');
      const problems = [...(configuration.problems ?? []), ...(encryption?.problems ?? [])];
      if (problems.length === 0) return ok(`the variables of ${role} are complete`);
      return failed(
        problems.join('; '),
        'Set the variables as docs/configuration.md says; without any, bankfeeds uses the last npm start of this clone.',
      );
    },
  };
}
