// Registers the loader of TypeScript, for `node --import ./scripts/load-typescript.js`. Its cache is in the temporary
// folder, and one that cannot be written would end the process: there it works without a cache, which costs a second.
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

try {
  rmdirSync(mkdtempSync(join(tmpdir(), 'bankfeeds-loader-')));
} catch {
  process.env.TSX_DISABLE_CACHE = '1';
}
await import('tsx');
