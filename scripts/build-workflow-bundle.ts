import { access, mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode } from '@temporalio/worker';
import type { Logger } from '@temporalio/worker';

export interface WorkflowBundleInput {
  /** Default `src/workflows/index.ts`. */
  entry?: string;
  /** Default `dist/workflow-bundle.js`. */
  out?: string;
}

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const FAILURE_CONVERTER = resolve(ROOT, 'src/temporal/failure-converter.ts');

/**
 * Builds the one file that workers run workflows from. The failure converter goes into it as well: without it the
 * text of a failure thrown in a workflow would stay readable in the history. A Node module in reach of a workflow
 * fails the build.
 *
 * @returns the full path of the bundle
 * @throws Error naming what is wrong
 */
export async function buildWorkflowBundle(input: WorkflowBundleInput = {}): Promise<string> {
  const out = resolve(ROOT, input.out ?? 'dist/workflow-bundle.js');
  const converter = await access(FAILURE_CONVERTER).then(
    () => ({ failureConverterPath: FAILURE_CONVERTER }),
    () => ({}),
  );
  const bundle = await bundleWorkflowCode({
    workflowsPath: resolve(ROOT, input.entry ?? 'src/workflows/index.ts'),
    ...converter,
    logger: quietLogger(),
  });
  await mkdir(dirname(out), { recursive: true });
  // Renamed into place: a worker that starts meanwhile reads the old bundle or the new one, never half of it.
  const unfinished = `${out}.${process.pid}`;
  await writeFile(unfinished, bundle.code);
  await rename(unfinished, out);
  return out;
}

/** The bundler's progress is noise; its complaints are not. */
function quietLogger(): Logger {
  const silent = (): void => undefined;
  const complain = (message: string): void => {
    process.stderr.write(`${message}\n`);
  };
  return { log: silent, trace: silent, debug: silent, info: silent, warn: complain, error: complain };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const path = await buildWorkflowBundle();
  process.stdout.write(`${relative(ROOT, path)}\n`);
}
