import { expect, test } from 'vitest';
import { filesBelow, readText } from './docs-files.js';

/** They make the connections of the service, with the settings of every session. */
const allowed = ['src/db/connection.ts', 'src/db/pool.ts', 'src/db/pooler-mode.ts'];

test('no other file of the service connects to PostgreSQL by itself', () => {
  const files = filesBelow('src', '.ts');
  const connecting = files.filter((file) => /new (?:pg\.)?(?:Pool|Client)\(/.test(readText(file)));
  const ofPostgres = connecting.filter((file) => /from 'pg'/.test(readText(file)));
  expect(ofPostgres.filter((file) => !allowed.includes(file))).toEqual([]);
  expect(ofPostgres.length).toBeGreaterThan(1);
});
