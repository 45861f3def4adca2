import { fork, type ChildProcess } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * A separate process (the sandbox, the plain loop) that answers messages: one answer per request, matched by number. It
 * ends with its parent, since its channel closes; its output goes to a file.
 */
export interface ForkedChild {
  readonly pid: number;
  /** @throws Error with the child's error text, or if it ends or does not answer within `timeoutMs` */
  ask<Answer>(request: unknown, timeoutMs: number): Promise<Answer>;
  stop(): Promise<void>;
}

interface Envelope {
  readonly id: number;
  readonly body?: unknown;
  readonly error?: string;
}

const stopGraceMs = 3_000;

/** Starts `entry` (beside this file) and does not wait for it: the first answer shows that it runs. */
export function forkChild(input: { entry: string; logFile: string }): ForkedChild {
  const child = fork(fileURLToPath(new URL(input.entry, import.meta.url)), {
    execArgv: ['--import', 'tsx'],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    // The parent forwards Ctrl-C of the terminal.
    detached: true,
  });
  const log = createWriteStream(input.logFile, { flags: 'a' });
  child.stdout?.pipe(log, { end: false });
  child.stderr?.pipe(log, { end: false });
  const waiting = new Map<number, (answer: Envelope) => void>();
  let lastId = 0;
  const giveUp = (reason: string): void => {
    for (const [id, answer] of waiting) answer({ id, error: reason });
    waiting.clear();
  };
  child.on('message', (message) => {
    const envelope = message as Envelope;
    waiting.get(envelope.id)?.(envelope);
    waiting.delete(envelope.id);
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.once('error', (error) => giveUp(`${input.entry} could not be run: ${error.message}`));
  void exited.then(() => giveUp(`${input.entry} ended: see ${input.logFile}`));
  return {
    pid: child.pid ?? -1,
    ask: async <Answer>(body: unknown, timeoutMs: number): Promise<Answer> => {
      const id = (lastId += 1);
      const answer = await new Promise<Envelope>((resolve) => {
        const timer = setTimeout(() => {
          waiting.delete(id);
          resolve({ id, error: `${input.entry} did not answer within ${timeoutMs} ms` });
        }, timeoutMs);
        waiting.set(id, (envelope) => {
          clearTimeout(timer);
          resolve(envelope);
        });
        child.send({ id, body } satisfies Envelope);
      });
      if (answer.error !== undefined) throw new Error(answer.error);
      return answer.body as Answer;
    },
    stop: () => stopChild(child, exited),
  };
}

async function stopChild(child: ChildProcess, exited: Promise<void>): Promise<void> {
  if (child.connected) child.disconnect();
  const force = setTimeout(() => child.kill('SIGKILL'), stopGraceMs);
  await exited;
  clearTimeout(force);
}

/** The child's side: answers each message with the result of `handle`, and ends when the benchmark does. */
export function answerParent(handle: (request: unknown) => Promise<unknown>): void {
  process.on('message', (message) => {
    const { id, body } = message as Envelope;
    handle(body).then(
      (answer) => process.send?.({ id, body: answer } satisfies Envelope),
      (error: unknown) =>
        process.send?.({
          id,
          error: error instanceof Error ? (error.stack ?? error.message) : String(error),
        }),
    );
  });
  process.on('disconnect', () => process.exit(0));
}
