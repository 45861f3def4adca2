// npm run docs: writes the generated documents. Unit tests fail when one of them is stale.
import { fileURLToPath } from 'node:url';
import { renderConfiguration } from './docs/configuration.js';
import { writeResultsDocument } from './docs/reliability-results.js';
import { writeFormatted } from './docs/write-formatted.js';

const configuration = fileURLToPath(new URL('../docs/configuration.md', import.meta.url));

await writeFormatted(configuration, renderConfiguration());
await writeResultsDocument();
