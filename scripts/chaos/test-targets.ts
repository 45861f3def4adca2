/** The targets that are a test file of `test/verify` each, with real processes of its own. */
export const testFiles = {
  clocks: 'rutter/clocks',
  deployment: 'rutter/deployment',
  'ended-by-operators': 'ended-by-operators',
  environment: 'process/environment',
  'lost-connections': 'lost-connections',
  'lost-temporal': 'rutter/lost-temporal',
  outages: 'rutter/outages',
  outputs: 'process/outputs',
  'signal-storms': 'rutter/signal-storms',
  signals: 'process/signals',
  'slow-parts': 'rutter/slow-parts',
  upgrade: 'rutter/upgrade',
  'worker-changes': 'rutter/worker-changes',
} as const;

export type TestTarget = keyof typeof testFiles;

export const testTargets = Object.keys(testFiles) as TestTarget[];

export function testFileOf(target: TestTarget): string {
  return `test/verify/${testFiles[target]}.test.ts`;
}
