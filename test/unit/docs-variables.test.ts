import { expect, test } from 'vitest';
import { readApiConfig, readWorkerConfig } from '../../src/config.js';
import { filesBelow, readText } from './docs-files.js';

const readme = readText('README.md');
const example = new Map(
  [...readText('.env.example').matchAll(/^# ([A-Z][A-Z0-9_]*)=(.*)$/gm)].map(
    ([, name = '', value = '']) => [name, value] as const,
  ),
);

/** Variables of others that our scripts check. */
const foreign = new Set(['PATH', 'XDG_CACHE_HOME', 'PLAYWRIGHT_DOWNLOAD_HOST']);

interface Row {
  name: string;
  defaults: string;
}

/** Rows of the tables below a heading, up to the next heading of the same level. */
function rowsOf(heading: string): Row[] {
  const level = /^#+/.exec(heading)?.[0] ?? '';
  const start = readme.indexOf(`\n${heading}\n`);
  expect(start, `README has the heading ${heading}`).toBeGreaterThan(0);
  const rest = readme.slice(start + heading.length + 2);
  const end = rest.search(new RegExp(`^#{1,${String(level.length)}} `, 'm'));
  const section = end < 0 ? rest : rest.slice(0, end);
  return [...section.matchAll(/^\| `([A-Z][A-Z0-9_]*)` +\| ([^|]*)\|/gm)].map(
    ([, name = '', defaults = '']) => ({ name, defaults: defaults.trim() }),
  );
}

function configNames(): string[] {
  return [
    ...new Set(
      [...readText('src/config.ts').matchAll(/^ {2,4}([A-Z][A-Z0-9_]+):/gm)].map((match) => match[1]),
    ),
  ].map(String);
}

const roleRows = rowsOf('### Of the roles');
const localRows = rowsOf('### Of the local start, the sandboxes and the tests');

test('every variable that a role reads is in the README, and the README names no other', () => {
  const named = roleRows.map(({ name }) => name).filter((name) => !name.startsWith('TEMPORAL_'));
  const known = configNames().filter((name) => !name.startsWith('TEMPORAL_'));
  expect(known.length).toBeGreaterThan(15);
  expect(named.toSorted()).toEqual(known.toSorted());
  const ui = 'TEMPORAL_UI_URL';
  expect([configNames().includes(ui), roleRows.some(({ name }) => name === ui)]).toEqual([true, true]);
});

test('every variable that the local start, the sandboxes or the tests read is in the README', () => {
  const reader =
    /(?:environment|process\.env)\['([A-Z][A-Z0-9_]*)'\]|read(?:Port|Secret)\(environment, '([A-Z][A-Z0-9_]*)'/g;
  const files = [...filesBelow('scripts', '.ts'), ...filesBelow('sandbox', '.ts')];
  const found = new Set(
    files.flatMap((file) => [...readText(file).matchAll(reader)].map((match) => match[1] ?? match[2] ?? '')),
  );
  const named = new Set([...roleRows, ...localRows].map(({ name }) => name));
  expect(found.size).toBeGreaterThan(10);
  expect([...found].filter((name) => !named.has(name) && !foreign.has(name))).toEqual([]);
});

test('every variable that the README names is read somewhere', () => {
  const files = ['src/config.ts', ...filesBelow('scripts', '.ts'), ...filesBelow('sandbox', '.ts')];
  const envconfig = 'node_modules/@temporalio/envconfig/lib';
  const text = [...files, ...filesBelow(envconfig, '.js')].map(readText).join('\n');
  const unread = [...roleRows, ...localRows].filter(({ name }) => !new RegExp(`\\b${name}\\b`).test(text));
  expect(unread).toEqual([]);
});

test('.env.example names the variables of the roles, and its values are the defaults', () => {
  const named = new Set([...roleRows, ...localRows].map(({ name }) => name));
  expect([...example.keys()].filter((name) => !named.has(name))).toEqual([]);
  expect(roleRows.filter(({ name }) => !example.has(name))).toEqual([]);
  const required = {
    DATABASE_URL: 'postgres://localhost/bankfeeds',
    ENCRYPTION_KEYS: `k1:${Buffer.alloc(32, 1).toString('base64')}`,
    CORE_API_TOKEN: 'c'.repeat(24),
    OPS_API_TOKEN: 'o'.repeat(24),
    RUTTER_CLIENT_ID: 'id',
    RUTTER_CLIENT_SECRET: 'secret',
  };
  const given = { ...Object.fromEntries(example), ...required };
  expect(readApiConfig(given)).toEqual({ ...readApiConfig(required), PUBLIC_URL: example.get('PUBLIC_URL') });
  expect(readWorkerConfig(given)).toEqual(readWorkerConfig(required));
});

test('defaults in the README are those of .env.example', () => {
  const compared = [...roleRows, ...localRows].filter(({ name, defaults }) => {
    const value = example.get(name) ?? '';
    return value !== '' && defaults.includes('`') && !defaults.includes('required');
  });
  expect(compared.length).toBeGreaterThan(12);
  for (const { name, defaults } of compared) {
    const values = [...defaults.matchAll(/`([^`]*)`/g)].map((match) => match[1] ?? '');
    const shown = values
      .filter((value) => value !== 'npm start')
      .join(',')
      .replace('$PORT', '8080');
    expect(shown, name).toBe(example.get(name));
  }
});
