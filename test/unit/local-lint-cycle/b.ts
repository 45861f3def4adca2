// Fixture of local-lint-walls.test.ts.
import { a } from './a.js';

export const b = a;
