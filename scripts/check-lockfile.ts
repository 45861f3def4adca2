// Says that package-lock.json is complete, or ends with 1 and names what is missing.
import { readFile } from 'node:fs/promises';
import { missingOptionalEntries } from './lockfile.js';
import type { Lockfile } from './lockfile.js';

const text = await readFile(new URL('../package-lock.json', import.meta.url), 'utf8');
const missing = missingOptionalEntries(JSON.parse(text) as Lockfile);
for (const entry of missing) process.stderr.write(`package-lock.json is incomplete: ${entry}\n`);
if (missing.length > 0) process.exitCode = 1;
else process.stdout.write('package-lock.json is complete\n');
