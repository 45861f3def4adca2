// Fixture of local-lint-imports.test.ts, which lints this file as if it imported b.ts, which imports it.
export const a = 1;
