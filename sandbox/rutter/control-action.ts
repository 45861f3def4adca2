import { ControlError, type ControlAction as Action } from '../stand-in/control.js';
import type { AccountRecord, ConnectionRecord } from './records.js';
import type { Sandbox } from './sandbox.js';

export { ControlError, booleanOf, integerOf, textOf, type ControlRequest } from '../stand-in/control.js';
export type ControlAction = Action<Sandbox>;

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
