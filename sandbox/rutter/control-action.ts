import type { AccountRecord, ConnectionRecord } from './records.js';
import type { Sandbox } from './sandbox.js';

export interface ControlRequest {
  params: Record<string, string>;
  body: Record<string, unknown>;
  query: URLSearchParams;
}

export interface ControlAction {
  method: 'GET' | 'POST' | 'DELETE';
  /** Below `/_sandbox`; `:name` takes one part. */
  path: string;
  run: (sandbox: Sandbox, request: ControlRequest) => unknown;
}

export class ControlError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** @throws ControlError 404 */
export function findConnection(sandbox: Sandbox, id: string): ConnectionRecord {
  const connection = sandbox.state.connections.get(id);
  if (connection === undefined) throw new ControlError(404, `no connection ${id}`);
  return connection;
}

/** @throws ControlError 404 */
export function findAccount(sandbox: Sandbox, id: string): AccountRecord {
  const account = sandbox.state.account(id, sandbox.clock.nowMs());
  if (account === undefined) throw new ControlError(404, `no account ${id}`);
  return account;
}

export function booleanOf(value: unknown, name: string, fallback?: boolean): boolean {
  if (value === undefined && fallback !== undefined) return fallback;
  if (typeof value !== 'boolean') throw new ControlError(400, `${name} must be true or false`);
  return value;
}

export function integerOf(value: unknown, name: string, fallback?: number): number {
  if (value === undefined && fallback !== undefined) return fallback;
  if (typeof value !== 'number' || !Number.isInteger(value))
    throw new ControlError(400, `${name} must be a whole number`);
  return value;
}

export function textOf(value: unknown, name: string, fallback?: string): string {
  if (value === undefined && fallback !== undefined) return fallback;
  if (typeof value !== 'string' || value === '') throw new ControlError(400, `${name} must be text`);
  return value;
}
