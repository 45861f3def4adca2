import { spawnSync } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/*
 * `npm run histories`: deletes the saved histories, records all of them again and replays them. The list of tests is in
 * `scripts/save-history.ts`.
 */

const histories = new URL('../test/replay/histories/', import.meta.url);
const recordingTests = [
  'test/workflows/recorded-histories.test.ts',
  'test/workflows/feed-histories.test.ts',
  'test/workflows/rutter/bank-feed.test.ts',
];

for (const file of readdirSync(histories)) rmSync(new URL(file, histories));
runVitest(['--project', 'workflows', ...recordingTests], { SAVE_HISTORIES: '1' });
runVitest(['--project', 'replay'], {});

function runVitest(args: readonly string[], environment: Readonly<Record<string, string>>): void {
  const { status } = spawnSync('npx', ['vitest', 'run', ...args], {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    env: { ...process.env, ...environment },
    stdio: 'inherit',
  });
  if (status !== 0) process.exit(status ?? 1);
}
