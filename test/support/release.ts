import { access, mkdtemp, readFile, realpath, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheFolder } from '../../scripts/local/cache-folder.js';
import { runCommand } from '../../scripts/local/run-command.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const gitMs = 60_000;
/** Registries are slow or fail now and then. */
const installMs = 600_000;
const installTriesMax = 3;
const bundleMs = 120_000;

/**
 * The code of the last released version, which `test/upgrade/base` names, with its own packages and workflow bundle: a
 * folder in the user's cache, made once per commit.
 *
 * @throws Error that says what is missing
 */
export async function openLastRelease(): Promise<string> {
  const commit = (await readFile(join(root, 'test', 'upgrade', 'base'), 'utf8')).trim();
  // The real path: the entry points of old versions compare it with their own.
  const cache = await realpath(await cacheFolder());
  const folder = join(cache, `release-${commit}`);
  const exists = await access(folder).then(
    () => true,
    () => false,
  );
  if (exists) return folder;
  // Under another name until it is whole.
  const draft = await mkdtemp(`${folder}.`);
  try {
    await run('git', ['archive', '--output', join(draft, 'release.tar'), commit], {
      cwd: root,
      timeoutMs: gitMs,
      remedy: `commit ${commit} of test/upgrade/base is not in this clone: git fetch --unshallow`,
    });
    await run('tar', ['-xf', 'release.tar'], { cwd: draft, timeoutMs: gitMs, remedy: 'tar is needed' });
    await rm(join(draft, 'release.tar'));
    await install(draft);
    await run(process.execPath, ['--import', 'tsx', 'scripts/build-workflow-bundle.ts'], {
      cwd: draft,
      timeoutMs: bundleMs,
      remedy: 'the workflow bundle of the release could not be built',
    });
    await rename(draft, folder);
    return folder;
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    throw error;
  }
}

async function install(folder: string): Promise<void> {
  const args = ['ci', '--omit=dev', '--no-audit', '--no-fund'];
  for (let tries = 1; ; tries += 1) {
    try {
      const remedy = 'the packages of the release could not be installed: is the npm registry in reach?';
      return await run('npm', args, { cwd: folder, timeoutMs: installMs, remedy });
    } catch (error) {
      if (tries >= installTriesMax) throw error;
    }
  }
}

async function run(
  command: string,
  args: string[],
  input: { cwd: string; timeoutMs: number; remedy: string },
): Promise<void> {
  const { code, stderr } = await runCommand({ command, args, cwd: input.cwd, timeoutMs: input.timeoutMs });
  if (code !== 0) throw new Error(`${input.remedy}\n${stderr.slice(-2_000)}`);
}
