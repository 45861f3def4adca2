// Fixture of local-lint-imports.test.ts.
import { a } from './a.js';

export const b = a;
