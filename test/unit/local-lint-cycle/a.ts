// Fixture of local-lint-walls.test.ts, which lints this file as if it imported b.ts, which imports it.
export const a = 1;
