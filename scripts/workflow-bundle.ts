import { mkdir, mkdtemp, rename, rmdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Logger } from '@temporalio/worker';
import { writeBundleStamp } from '../src/temporal/bundle-stamp.js';
import { keptBundle } from './workflow-bundle-cache.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const workflows = resolve(root, 'src/workflows/index.ts');
const failureConverter = resolve(root, 'src/temporal/failure-converter.ts');
const out = resolve(root, 'dist/workflow-bundle.js');

/**
 * Builds the one file that workers run workflows from, `dist/workflow-bundle.js`, and its stamp.
 *
 * @returns the full path of the bundle
 * @throws Error naming what is wrong
 */
export async function buildWorkflowBundle(): Promise<string> {
  const code = await workflowBundleCode();
  await mkdir(dirname(out), { recursive: true });
  // Renamed into place: a worker that starts meanwhile reads the old bundle or the new one, never half of it.
  const unfinished = `${out}.${process.pid}`;
  await writeFile(unfinished, code);
  await rename(unfinished, out);
  await writeBundleStamp(out);
  return out;
}

/**
 * The code of the bundle. The failure converter is part of it: without it the text of a failure thrown in a workflow
 * would be readable in the history. A Node module that a workflow reaches fails the build. What was built before from
 * the same files is taken from the cache.
 *
 * @param interceptors for tests: a file of them, which imports nothing outside `src`
 */
export async function workflowBundleCode(interceptors?: string): Promise<string> {
  return await keptBundle(interceptors === undefined ? [] : [interceptors], async () => {
    // Loading the SDK takes longer than reading the cache.
    const { bundleWorkflowCode } = await import('@temporalio/worker');
    await provideTemporaryFolder();
    const { code } = await bundleWorkflowCode({
      workflowsPath: workflows,
      failureConverterPath: failureConverter,
      ...(interceptors === undefined ? {} : { workflowInterceptorModules: [interceptors] }),
      logger: quietLogger(),
    });
    return code;
  });
}

/** The bundler's native part does not load without a temporary folder that it can write. */
async function provideTemporaryFolder(): Promise<void> {
  try {
    await rmdir(await mkdtemp(join(tmpdir(), 'bankfeeds-bundle-')));
  } catch {
    await mkdir(dirname(out), { recursive: true });
    process.env['TMPDIR'] = dirname(out);
  }
}

/** Without the bundler's progress, with its warnings and errors. */
function quietLogger(): Logger {
  const silent = (): void => undefined;
  const print = (message: string): void => {
    process.stderr.write(`${message}\n`);
  };
  return { log: silent, trace: silent, debug: silent, info: silent, warn: print, error: print };
}
