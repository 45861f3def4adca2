import { randomUUID } from 'node:crypto';
import { sha256Hex } from '../crypto/hash.js';
import { readCommand } from '../db/commands.js';
import { commandJson, commandProblem } from './command-json.js';
import type { RouteAnswer } from './define-route.js';
import type { ApiDeps } from './deps.js';
import type { IdempotencySeed } from './idempotency.js';
import { pollRow } from './poll-row.js';
import { notFound } from './problem.js';

/** The longest that a call waits for a provider's answer before it answers with the command itself. */
const answeredWithinMs = 20_000;

/**
 * Waits for a command that was started: answers its result, or 202 with the command while it runs. `tokenRefusedStatus`
 * as in `commandProblem`.
 * @throws {Problem} the problem that the command failed with
 */
export async function awaitCommand(
  deps: ApiDeps,
  input: { commandId: string; doneStatus: 200 | 201; tokenRefusedStatus: 422 | 502 },
): Promise<RouteAnswer> {
  const { commandId } = input;
  const command = await pollRow({
    read: () => readCommand(deps.pool, { commandId }),
    done: (row) => row === null || row.state !== 'running',
    timeoutMs: answeredWithinMs,
  });
  if (command === null) throw notFound('command');
  if (command.state === 'done') return { status: input.doneStatus, body: command.result };
  if (command.problem !== null) throw commandProblem(command.problem, input);
  return {
    status: 202,
    body: commandJson(command),
    headers: { Location: `/v1/commands/${commandId}` },
  };
}

/** Repeating a request under its key gives the same command, even when the first call died before its answer. */
export function commandIdOf(seed: IdempotencySeed | null): string {
  if (seed === null) return randomUUID();
  const hex = sha256Hex(`command ${seed}`);
  // Version 8: a UUID of our own making (RFC 9562).
  const variant = ((Number.parseInt(hex.slice(16, 18), 16) & 0x3f) | 0x80).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(18, 20)}-${hex.slice(20, 32)}`;
}
