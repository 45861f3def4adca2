import { ConfigurationError, readApiConfig, readMigrateConfig, readWorkerConfig } from '../../src/config.js';
import { roleEnvironment } from './role-environment.js';
import { newSecrets } from './secrets.js';
import type { StartSettings } from './start-settings.js';

/**
 * Checks what every role would refuse, before anything is started, changed or removed. What the start itself makes
 * (secrets, the embedded database) is taken for made.
 *
 * @throws ConfigurationError with every problem of all roles
 */
export function requireConfiguration(
  environment: Readonly<NodeJS.ProcessEnv>,
  settings: StartSettings,
): void {
  const env = roleEnvironment({
    environment,
    settings,
    secrets: newSecrets(),
    databaseUrl: 'postgres://embedded',
    ...(settings.temporalAddress === undefined ? { temporalAddress: 'localhost' } : {}),
    temporalProfile: '',
    sandboxData: '',
  });
  const problems = [readMigrateConfig, readApiConfig, readWorkerConfig].flatMap((read) =>
    problemsOf(() => read(env)),
  );
  if (problems.length > 0) throw new ConfigurationError([...new Set(problems)]);
}

function problemsOf(read: () => unknown): readonly string[] {
  try {
    read();
    return [];
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems;
    throw error;
  }
}
