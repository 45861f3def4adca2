// npm run docs: writes the generated documents. A unit test fails when one of them is stale.
import { writeResultsDocument } from './docs/reliability-results.js';

await writeResultsDocument();
