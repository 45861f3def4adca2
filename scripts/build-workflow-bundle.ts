// npm run bundle: builds the file that workers run workflows from, and prints its path.
import { buildWorkflowBundle } from './workflow-bundle.js';

process.stdout.write(`${await buildWorkflowBundle()}\n`);
