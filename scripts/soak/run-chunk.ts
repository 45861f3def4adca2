import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Depth } from './arguments.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const testFiles: Readonly<Record<Depth, string>> = {
  activity: 'test/reliability/rutter/delivery/simulation.test.ts',
  workflow: 'test/reliability/rutter/workflows/simulation.test.ts',
  sage: 'test/reliability/sage-banking/simulation.test.ts',
};
const progressEveryMs = 5_000;

export interface Chunk {
  readonly depth: Depth;
  readonly seed: number;
  readonly runs: number;
  readonly path: string | undefined;
}

export interface ChunkResult {
  readonly passed: boolean;
  /** The output of the test process. */
  readonly output: string;
  /** The command that replays the failing example; null when there is none. */
  readonly replay: string | null;
}

/** Runs one chunk in a separate test process and reports the number of finished runs every few seconds. */
export async function runChunk(chunk: Chunk, onProgress: (runs: number) => void): Promise<ChunkResult> {
  const folder = await mkdtemp(join(tmpdir(), 'bankfeeds-soak-'));
  const progress = join(folder, 'progress');
  const timer = setInterval(() => void lastRuns(progress).then(onProgress), progressEveryMs);
  try {
    const { code, output } = await runTest(testFiles[chunk.depth], {
      SOAK_SEED: String(chunk.seed),
      SOAK_RUNS: String(chunk.runs),
      SOAK_PROGRESS: progress,
      ...(chunk.path === undefined ? {} : { SOAK_PATH: chunk.path }),
    });
    const replay = /replay: (npm run soak .*)/.exec(output)?.[1] ?? null;
    return { passed: code === 0, output, replay };
  } finally {
    clearInterval(timer);
    await rm(folder, { recursive: true, force: true });
  }
}

async function lastRuns(file: string): Promise<number> {
  const text = await readFile(file, 'utf8').catch(() => '');
  const line = text.trimEnd().split('\n').at(-1);
  return line === undefined || line === '' ? 0 : (JSON.parse(line) as { runs: number }).runs;
}

function runTest(file: string, own: Record<string, string>): Promise<{ code: number; output: string }> {
  return new Promise((resolve, reject) => {
    const args = ['node_modules/vitest/vitest.mjs', 'run', '--project', 'reliability', file];
    const env = { ...process.env, ...own, NO_COLOR: '1' };
    const child = spawn(process.execPath, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
    const parts: Buffer[] = [];
    child.stdout.on('data', (part: Buffer) => parts.push(part));
    child.stderr.on('data', (part: Buffer) => parts.push(part));
    child.once('error', reject);
    child.once('close', (code) => {
      resolve({ code: code ?? 1, output: Buffer.concat(parts).toString('utf8') });
    });
  });
}
