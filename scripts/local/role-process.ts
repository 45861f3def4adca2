import { spawn } from 'node:child_process';
import { open, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { LocalFailure } from './local-failure.js';
import { isSameProcess } from './process-identity.js';
import type { ProcessIdentity } from './process-identity.js';
import { childExited, identifyChild, stopProcess } from './running-part.js';
import type { RunningPart } from './running-part.js';

export interface RoleInput {
  name: string;
  /** Relative to `code`: `worker.ts`. */
  entry: string;
  /** The folder of another version of the project; this one by default. */
  code?: string | undefined;
  env: NodeJS.ProcessEnv;
  logFolder: string;
  /** Whether it is ready; `printed` is its output since its start. */
  isReady: (printed: string) => Promise<boolean> | boolean;
  /** Called before it is ready, so that its process is recorded even if the start is killed. */
  onSpawned: (identity: ProcessIdentity) => Promise<void>;
}

/** MB. A batch is a few MB of short-lived objects: with Node's default they are copied before they are collected. */
const youngGeneration = '--max-semi-space-size=64';
const root = fileURLToPath(new URL('../..', import.meta.url));
const readyMs = 90_000;
const checkEveryMs = 100;
/** Time for a worker to finish its batch (its own limits are 65 s and 75 s); then SIGKILL. */
const drainMs = 85_000;
const logBytesMax = 20_000_000;
const tailChars = 600;

/**
 * Starts a role in its own session (we forward Ctrl-C). Its output goes to `<logFolder>/<name>.log`: a file, not a pipe,
 * so that a role can continue to write if this process is killed.
 *
 * @throws LocalFailure with its last output if it ends or is not ready in time
 */
export async function startRoleProcess(input: RoleInput): Promise<RunningPart> {
  const path = join(input.logFolder, `${input.name}.log`);
  await rotate(path);
  const log = await open(path, 'a', 0o600);
  const from = (await log.stat()).size;
  const child = spawn(process.execPath, [youngGeneration, '--import', 'tsx', input.entry], {
    cwd: input.code ?? root,
    env: input.env,
    detached: true,
    stdio: ['ignore', log.fd, log.fd],
  });
  const exited = childExited(child);
  await log.close();
  const identity = await identifyChild(child);
  await input.onSpawned(identity);
  const part: RunningPart = {
    identity,
    exited,
    stop: () =>
      stopProcess(identity, [
        { signal: 'SIGTERM', graceMs: drainMs },
        { signal: 'SIGKILL', graceMs: 5_000 },
      ]),
  };
  await waitUntilReady(input, part, { path, from });
  return part;
}

async function waitUntilReady(
  input: RoleInput,
  part: RunningPart,
  log: { path: string; from: number },
): Promise<void> {
  const deadline = Date.now() + readyMs;
  for (;;) {
    // In this order: a process that becomes ready and ends at the same time has ended.
    const printed = await readFrom(log.path, log.from);
    const ready = await input.isReady(printed);
    if (!(await isSameProcess(part.identity))) {
      const last = (await readFrom(log.path, log.from)).trim().slice(-tailChars);
      throw new LocalFailure(`The ${input.name} ${await part.exited}: ${last} (all of it in ${log.path}).`);
    }
    if (ready) return;
    if (Date.now() > deadline) {
      await part.stop();
      throw new LocalFailure(`The ${input.name} was not ready after ${readyMs / 1000} s: see ${log.path}.`);
    }
    await delay(checkEveryMs);
  }
}

async function readFrom(path: string, from: number): Promise<string> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const buffer = Buffer.alloc(Math.max(0, Math.min(size - from, logBytesMax)));
    await file.read(buffer, 0, buffer.length, from);
    return buffer.toString('utf8');
  } finally {
    await file.close();
  }
}

async function rotate(path: string): Promise<void> {
  const size = await stat(path).then(
    (file) => file.size,
    () => 0,
  );
  if (size > logBytesMax) await rename(path, `${path}.1`);
}
