// Fixture of local-lint-imports.test.ts, which lints this file as if it imported type-b.ts, which imports it.
export type A = string;
