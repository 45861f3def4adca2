import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const loader = new URL('../../scripts/load-typescript.js', import.meta.url).href;

let folder: string;
/** The project under a name with spaces and letters outside ASCII. */
let link: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bankfeeds-entry-'));
  link = join(folder, 'ein Ordner für Läufe');
  symlinkSync(root, link);
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Starts a script through the link, from another working directory without variables but the address of a Temporal that is not there. */
function run(entry: string): Promise<{ code: unknown; output: string }> {
  return new Promise((resolve) => {
    const args = ['--import', loader, join(link, entry)];
    const options = { cwd: folder, env: { PATH: process.env['PATH'], TEMPORAL_ADDRESS: '127.0.0.1:1' } };
    execFile(process.execPath, args, options, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : error.code, output: stdout + stderr }),
    );
  });
}

describe('an entry point that is started through a symbolic link', () => {
  it('does its work: the check of the lock file', async () => {
    expect(await run('scripts/check-lockfile.ts')).toEqual({
      code: 0,
      output: 'package-lock.json is complete\n',
    });
  });

  it('does its work: the bundle builder', async () => {
    const built = await run('scripts/build-workflow-bundle.ts');
    expect(built).toEqual({ code: 0, output: `${join(root, 'dist/workflow-bundle.js')}\n` });
  });

  it.each([
    ['src/db/migrate.ts', 78, 'DATABASE_URL'],
    ['src/api/server.ts', 78, 'DATABASE_URL'],
    ['worker.ts', 78, 'DATABASE_URL'],
    ['scripts/worker-health.ts', 78, 'DATABASE_URL'],
    ['scripts/save-history.ts', 2, 'usage'],
  ])('%s does its work, and so ends with %d without what it needs', async (entry, code, named) => {
    const ended = await run(entry);
    expect(ended.code).toBe(code);
    expect(ended.output).toContain(named);
  });
});

it('no file asks whether it was started or imported: an entry point that is imported does nothing else', async () => {
  const found: string[] = [];
  for (const name of ['bench', 'bin', 'sandbox', 'scripts', 'src']) {
    const files = await readdir(join(root, name), { recursive: true });
    for (const file of files.filter((path) => /\.[jt]s$/.test(path))) {
      const text = await readFile(join(root, name, file), 'utf8');
      if (/process\.argv\[1\]|import\.meta\.main|require\.main/.test(text)) found.push(`${name}/${file}`);
    }
  }
  expect(found).toEqual([]);
});
