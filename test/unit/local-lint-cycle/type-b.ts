// Fixture of local-lint-imports.test.ts.
import type { A } from './type-a.js';

export type B = A;
