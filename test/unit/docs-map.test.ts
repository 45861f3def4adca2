import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { createActivities } from '../../src/activities/channels.js';
import { documents, filesBelow, foldersBelow, readText, root } from './docs-files.js';

const listed = readText('docs/folders.md');
const namedFolders = [...listed.matchAll(/^- `([a-z][\w/-]*)`: /gm)].map((match) => match[1] ?? '');

test('docs/folders.md has a sentence for every folder of the code, each once', () => {
  const folders = ['src', 'scripts', 'sandbox', 'bench', 'test'].flatMap((folder) =>
    // Below a test project are its channels and its own data, such as histories.
    foldersBelow(folder).filter((path) => folder !== 'test' || path.split('/').length === 2),
  );
  expect(folders.length).toBeGreaterThan(20);
  expect(folders.filter((folder) => !namedFolders.includes(folder))).toEqual([]);
  expect(namedFolders.filter((folder, index) => namedFolders.indexOf(folder) !== index)).toEqual([]);
});

test('every folder that docs/folders.md describes exists', () => {
  expect(namedFolders.filter((path) => !existsSync(root + path))).toEqual([]);
});

/** Nothing is called: only the names of the activities are read. */
const anyDeps = {} as Parameters<typeof createActivities>[0];

test('ARCHITECTURE.md lists the workflow and activity types, and no other', () => {
  const architecture = readText('ARCHITECTURE.md');
  const named = [...architecture.matchAll(/^\| `(\w+Workflow)` /gm)].map((match) => match[1] ?? '');
  const index = readText('src/workflows/index.ts');
  const exported = [...index.matchAll(/^export (?:const |\{ )(\w+Workflow)\b/gm)].map(
    (match) => match[1] ?? '',
  );
  expect(named.toSorted()).toEqual(exported.toSorted());
  const section = architecture.split('Activity types')[1]?.split(/^## /m)[0] ?? '';
  const types = [...section.matchAll(/`((?:rutter|sage|db|temporal|provider)[A-Z]\w+)`/g)].map(
    (match) => match[1] ?? '',
  );
  expect(types.toSorted()).toEqual(Object.keys(createActivities(anyDeps)).toSorted());
});

test('every file of the code that a document names is there', () => {
  const named = documents.flatMap((document) =>
    [...readText(document).matchAll(/`((?:src|scripts|sandbox|test|docs|migrations|bench)\/[\w./-]+)`/g)].map(
      (match) => ({ document, path: match[1] ?? '' }),
    ),
  );
  expect(named.length).toBeGreaterThan(80);
  expect(named.filter(({ path }) => !existsSync(root + path))).toEqual([]);
});

test('every relative link in the documents leads somewhere', () => {
  const links = documents.flatMap((document) =>
    [...readText(document).matchAll(/\]\((?![a-z]+:)([^)#\s]+)(?:#[^)]*)?\)/g)].map((match) => ({
      document,
      link: match[1] ?? '',
    })),
  );
  expect(links.length).toBeGreaterThan(25);
  const dead = links.filter(({ document, link }) => !existsSync(new URL(link, `file://${root}${document}`)));
  expect(dead).toEqual([]);
});

/** Each provider has its own contract; a file's name shows whose it cites. */
const contracts = [
  { document: 'docs/contracts/sage-banking.md', isItsFile: ofBankingService, citationsMin: 30 },
  {
    document: 'docs/contracts/rutter.md',
    isItsFile: (file: string) => !ofBankingService(file),
    citationsMin: 30,
  },
];

test.each(contracts)(
  'every section of the contract that the code names is in $document',
  ({ document, isItsFile, citationsMin }) => {
    const sections = new Set(
      [...readText(document).matchAll(/^#{2,3} (\d+(?:\.\d+)?)\.? /gm)].map((match) => match[1] ?? ''),
    );
    const files = ['src', 'sandbox', 'test'].flatMap((folder) => filesBelow(folder, '.ts'));
    const cited = files.filter(isItsFile).flatMap(citations);
    expect(cited.length).toBeGreaterThan(citationsMin);
    expect(cited.filter(({ section }) => !sections.has(section))).toEqual([]);
  },
);

/** What is called `sage` or has it in its name is about the Banking Service, but for Sage's screens and what plays Rutter. */
function ofBankingService(file: string): boolean {
  return !file.startsWith('sandbox/rutter/') && /[/-]sage(?:-(?!screens)|[/.])/.test(file);
}

/** `contract 11.2`, `(contract 9, 11.2)`, `contract, section 8.4`: every number of such a mention. */
function citations(file: string): { file: string; section: string }[] {
  const mention = /contract,?(?: sections?)? (\d+(?:\.\d+)?(?:(?:,| and| to) \d+(?:\.\d+)?)*)/gi;
  return [...readText(file).matchAll(mention)].flatMap((match) =>
    [...(match[1] ?? '').matchAll(/\d+(?:\.\d+)?/g)].map(([section]) => ({ file, section })),
  );
}

test('every identifier in code type that a document names is in the code', () => {
  const folders = ['src', 'sandbox', 'scripts', 'test', 'bench', 'migrations'];
  const code = ['package.json', 'worker.ts', 'docker-compose.yml', 'vitest.config.ts', 'tsconfig.json']
    .concat(folders.flatMap((folder) => filesBelow(folder, '.ts', '.js', '.sql')))
    .map(readText)
    .join('\n');
  const known = new Set(code.match(/[A-Za-z_]\w*/g));
  // The changelog and the contracts name what is not, or not any more, in the code.
  const ours = documents.filter((path) => !/^(?:CHANGELOG\.md|docs\/contracts\/)/.test(path));
  const unknown = ours.flatMap((document) =>
    [...readText(document).matchAll(/`([^`\n]+)`/g)].flatMap(([, span = '']) =>
      [...span.matchAll(/(?<![\w…/-])[A-Za-z]\w*(?!…)/g)]
        .map(([name]) => name)
        .filter((name) => /[a-z][A-Z]|[a-z]_[a-z]/.test(name) && !name.endsWith('_') && !known.has(name))
        .map((name) => `${document}: ${name}`),
    ),
  );
  expect(unknown).toEqual([]);
});
