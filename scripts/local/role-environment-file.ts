import { chmod, mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { localEnvironmentFile } from '../../src/cli/environment.js';
import { variableNames } from '../../src/config.js';

/**
 * Writes the variables of the roles for `bankfeeds`, which then talks to this start without any of its own: those of the
 * service and of Temporal, and no other of the developer's shell. Only the current user may read the file.
 */
export async function writeRoleEnvironment(localDir: string, environment: NodeJS.ProcessEnv): Promise<void> {
  const known = new Set(variableNames.flatMap((name) => [name, `${name}_FILE`]));
  const entries = Object.entries(environment).flatMap(([name, value]) => {
    if (!value || !(known.has(name) || name.startsWith('TEMPORAL_'))) return [];
    // A command may run in another folder.
    return [[name, name.endsWith('_FILE') ? resolve(value) : value] as const];
  });
  const path = join(localDir, localEnvironmentFile);
  const draft = `${path}.new`;
  await mkdir(dirname(path), { recursive: true });
  await writeFile(draft, `${JSON.stringify(Object.fromEntries(entries), undefined, 2)}\n`, { mode: 0o600 });
  // An existing draft keeps its mode.
  await chmod(draft, 0o600);
  await rename(draft, path);
}
