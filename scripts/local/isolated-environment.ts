import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** No others: a variable of the developer's shell must not change a result. */
const inheritedVariables = ['PATH', 'HOME', 'TMPDIR', 'LANG', 'XDG_CACHE_HOME', 'TEMPORAL_CLI_PATH'];

/** The few variables of our own environment that a measured process needs. */
export function inheritedEnvironment(): Record<string, string> {
  const found = inheritedVariables.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return Object.fromEntries(found);
}

/** The variables of a role in a benchmark or a chaos test, independent of the developer's environment. */
export async function isolatedRoleEnvironment(input: {
  /** A file with an empty Temporal profile is written to it. */
  folder: string;
  encryptionKeys: string;
  databaseUrl: string;
  temporalAddress: string;
  rutter: { clientId: string; clientSecret: string };
  tokens: { core: string; ops: string };
}): Promise<Record<string, string>> {
  // The SDK fails on a file without a profile.
  const temporalProfile = join(input.folder, 'temporal.toml');
  await writeFile(temporalProfile, '[profile.default]\n');
  return {
    ...inheritedEnvironment(),
    DATABASE_URL: input.databaseUrl,
    ENCRYPTION_KEYS: input.encryptionKeys,
    TEMPORAL_ADDRESS: input.temporalAddress,
    TEMPORAL_NAMESPACE: 'default',
    TEMPORAL_CONFIG_FILE: temporalProfile,
    RUTTER_CLIENT_ID: input.rutter.clientId,
    RUTTER_CLIENT_SECRET: input.rutter.clientSecret,
    CORE_API_TOKEN: input.tokens.core,
    OPS_API_TOKEN: input.tokens.ops,
    LOG_LEVEL: 'info',
  };
}
