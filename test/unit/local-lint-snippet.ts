import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { root } from './docs-files.js';

export interface Snippet {
  /** Where it would be in the project. `snippet.ts` may occur often: each gets a name of its own. */
  file: string;
  text: string;
}

interface Report {
  diagnostics: { code: string; filename: string }[];
}

/**
 * The rules that each snippet breaks if it is that file of the project, such as `project/no-enum`. They are linted
 * together, in a copy of the project's folder that holds nothing but them and the configuration of lint.
 *
 * @param snippets may import each other
 * @param rules those that use types, which are slower, are left out unless asked for
 */
export async function lintSnippets(
  snippets: readonly Snippet[],
  rules: 'all' | 'without types' = 'without types',
): Promise<string[][]> {
  const folder = await mkdtemp(join(tmpdir(), 'bankfeeds-lint-'));
  try {
    const configuration = await readFile(join(root, '.oxlintrc.json'), 'utf8');
    const chosen =
      rules === 'all' ? configuration : configuration.replace('"typeAware": true', '"typeAware": false');
    await writeFile(join(folder, '.oxlintrc.json'), chosen);
    for (const path of ['tsconfig.json', 'package.json', 'scripts/lint'])
      await cp(join(root, path), join(folder, path), { recursive: true });
    await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
    const files = snippets.map(({ file }, at) => file.replace('snippet.', `snippet-${String(at)}.`));
    for (const [at, file] of files.entries()) await writeSnippet(join(folder, file), snippets[at]!.text);
    const { diagnostics } = await lint(folder, files);
    return files.map((file) => [
      ...new Set(diagnostics.filter(({ filename }) => filename === file).map(({ code }) => ruleOf(code))),
    ]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function writeSnippet(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}

/** Exits with 1 when it finds something. */
function lint(cwd: string, files: string[]): Promise<Report> {
  const program = join(root, 'node_modules/oxlint/bin/oxlint');
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [program, '--format', 'json', ...files], { cwd }, (error, stdout, stderr) => {
      if (error !== null && error.code !== 1) reject(new Error(`${stdout}${stderr}`, { cause: error }));
      else resolve(JSON.parse(stdout) as Report);
    });
  });
}

/** `typescript(no-explicit-any)` is reported, `typescript/no-explicit-any` is configured. */
function ruleOf(code: string): string {
  return code.replace(/^(.*)\((.*)\)$/, '$1/$2');
}
