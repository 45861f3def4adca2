import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What a workflow bundle was built from: a file beside it says so. */
export interface BundleStamp {
  /** Of the bundle itself: a stamp belongs to one bundle. */
  readonly bundle: string;
  readonly sdk: string;
  /** Of the code that runs in workflows. */
  readonly sources: string;
}

const src = fileURLToPath(new URL('..', import.meta.url));
/** What a bundle can contain: the import rules allow workflow code no other folder. */
const bundledFolders = ['workflows', 'domain'];
const bundledFiles = ['temporal/failure-converter.ts', 'temporal/payload-limit.ts'];

function stampFile(bundlePath: string): string {
  return `${bundlePath}.stamp.json`;
}

function sha256(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}

/** Writes the stamp of a bundle that was built from the sources as they are now. */
export async function writeBundleStamp(bundlePath: string): Promise<void> {
  const stamp: BundleStamp = {
    bundle: sha256(await readFile(bundlePath)),
    sdk: sdkVersion(),
    sources: await hashOfSources(),
  };
  await writeFile(stampFile(bundlePath), `${JSON.stringify(stamp)}\n`);
}

/** Why a bundle is not the one of this code, as a sentence; null when it is. Never throws. */
export async function readBundleProblem(bundlePath: string): Promise<string | null> {
  try {
    const [bundle, text] = await Promise.all([readFile(bundlePath), readFile(stampFile(bundlePath), 'utf8')]);
    const stamp = JSON.parse(text) as BundleStamp;
    return bundleProblem(stamp, {
      bundle: sha256(bundle),
      sdk: sdkVersion(),
      sources: await hashOfSources(),
    });
  } catch {
    return `it is not known what the workflow bundle was built from: ${remedy}`;
  }
}

const remedy = 'run "npm run bundle" and restart the worker';

/** The comparison of {@link readBundleProblem}. */
export function bundleProblem(stamp: BundleStamp, now: BundleStamp): string | null {
  if (stamp.bundle !== now.bundle)
    return `the workflow bundle is another than the one that was built last: ${remedy}`;
  if (stamp.sdk !== now.sdk) {
    return `the workflow bundle was built with the Temporal SDK ${stamp.sdk}, the worker runs ${now.sdk}: ${remedy}`;
  }
  if (stamp.sources !== now.sources) return `the workflow bundle was built from other code: ${remedy}`;
  return null;
}

function sdkVersion(): string {
  const { version } = createRequire(import.meta.url)('@temporalio/common/package.json') as {
    version: string;
  };
  return version;
}

async function hashOfSources(): Promise<string> {
  const below = await Promise.all(
    bundledFolders.map(async (folder) =>
      (await readdir(join(src, folder), { recursive: true }))
        .filter((name) => name.endsWith('.ts'))
        .map((name) => join(folder, name)),
    ),
  );
  const paths = [...below.flat(), ...bundledFiles].sort();
  const hash = createHash('sha256');
  for (const path of paths) {
    const text = await readFile(join(src, path));
    hash.update(`\n${path} ${String(text.length)}\n`).update(text);
  }
  return hash.digest('hex');
}
