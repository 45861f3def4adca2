import { expect, test } from 'vitest';
import { renderConfiguration } from '../../scripts/docs/configuration.js';
import { formatDocument } from '../../scripts/docs/write-formatted.js';
import { apiSchema, migrateSchema, readApiConfig, readWorkerConfig, workerSchema } from '../../src/config.js';
import { filesBelow, readText, root } from './docs-files.js';

const example = new Map(
  [...readText('.env.example').matchAll(/^# ([A-Z][A-Z0-9_]*)=(.*)$/gm)].map(
    ([, name = '', value = '']) => [name, value] as const,
  ),
);

/** Variables of others that our scripts check. */
const foreign = new Set(['TMPDIR', 'PATH', 'XDG_CACHE_HOME', 'PLAYWRIGHT_DOWNLOAD_HOST']);

const document = 'docs/configuration.md';
/** Every described variable with its default, as the document shows it. */
const rows = [...readText(document).matchAll(/^- \*\*`([A-Z][A-Z0-9_]*)`\*\*\s+\(([^]*?)\): /gm)].map(
  ([, name = '', defaults = '']) => ({ name, defaults: defaults.replaceAll(/\s+/g, ' ') }),
);
const roleNames = new Set(
  [apiSchema, workerSchema, migrateSchema].flatMap((schema) => Object.keys(schema.shape)),
);

test('docs/configuration.md matches the schema; npm run docs writes it', async () => {
  const expected = await formatDocument(`${root}${document}`, renderConfiguration());
  expect(readText(document)).toBe(expected);
  expect(roleNames.size).toBeGreaterThan(25);
  expect([...roleNames].filter((name) => !rows.some((row) => row.name === name))).toEqual([]);
});

test('every variable that the local start, the sandboxes or the tests read is described', () => {
  const reader =
    /(?:environment|process\.env)\['([A-Z][A-Z0-9_]*)'\]|read(?:Port|Secret)\(environment, '([A-Z][A-Z0-9_]*)'/g;
  const files = [...filesBelow('scripts', '.ts'), ...filesBelow('sandbox', '.ts')];
  const found = new Set(
    files.flatMap((file) => [...readText(file).matchAll(reader)].map((match) => match[1] ?? match[2] ?? '')),
  );
  const named = new Set(rows.map(({ name }) => name));
  expect(found.size).toBeGreaterThan(10);
  expect([...found].filter((name) => !named.has(name) && !foreign.has(name))).toEqual([]);
});

test('every variable that is described is read somewhere', () => {
  const files = [...filesBelow('scripts', '.ts'), ...filesBelow('sandbox', '.ts')].filter(
    (file) => !file.startsWith('scripts/docs/'),
  );
  const envconfig = 'node_modules/@temporalio/envconfig/lib';
  const text = [...files, ...filesBelow(envconfig, '.js')].map(readText).join('\n');
  const unread = rows.filter(({ name }) => !roleNames.has(name) && !new RegExp(`\\b${name}\\b`).test(text));
  expect(unread).toEqual([]);
});

test('.env.example names the variables of the roles, and its values are the defaults', () => {
  const named = new Set(rows.map(({ name }) => name));
  expect([...example.keys()].filter((name) => !named.has(name))).toEqual([]);
  expect([...roleNames].filter((name) => !example.has(name))).toEqual([]);
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

test('defaults in docs/configuration.md are those of .env.example', () => {
  const compared = rows.filter(({ name, defaults }) => {
    const value = example.get(name) ?? '';
    return value !== '' && defaults.includes('`') && !defaults.includes('required');
  });
  expect(compared.length).toBeGreaterThan(12);
  for (const { name, defaults } of compared) {
    const shown = /`([^`]*)`/.exec(defaults)?.[1]?.replace('$PORT', '8080');
    expect(shown, name).toBe(example.get(name));
  }
});
