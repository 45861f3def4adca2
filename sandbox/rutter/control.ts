import type { IncomingMessage, ServerResponse } from 'node:http';
import { answerControl } from '../stand-in/control.js';
import { accountActions } from './control-accounts.js';
import type { ControlAction } from './control-action.js';
import { connectionActions } from './control-connections.js';
import { machineActions } from './control-machine.js';
import { recordActions } from './control-records.js';
import type { Sandbox } from './sandbox.js';

const actions: readonly ControlAction[] = [
  ...connectionActions,
  ...accountActions,
  ...recordActions,
  ...machineActions,
];

export function handleControl(
  sandbox: Sandbox,
  message: IncomingMessage,
  response: ServerResponse,
  url: URL,
): Promise<void> {
  return answerControl(actions, sandbox, message, response, url);
}
