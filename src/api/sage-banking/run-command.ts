import { insertCommand } from '../../db/commands.js';
import type { SageCommandInput, SageCommandKind } from '../../db/sage-banking/command-types.js';
import type { SageAccountRow } from '../../db/sage-banking/accounts.js';
import { awaitCommand, commandIdOf } from '../await-command.js';
import type { RouteAnswer } from '../define-route.js';
import type { ApiDeps } from '../deps.js';
import type { IdempotencySeed } from '../idempotency.js';
import { Problem } from '../problem.js';
import { requireSageAccount } from './account-params.js';

/** The account, if it can still be changed. @throws {Problem} 404, 409 for a cancelled one */
export async function requireOpenSageAccount(
  deps: ApiDeps,
  input: { sageAccountId: string },
): Promise<SageAccountRow> {
  const account = await requireSageAccount(deps, input);
  if (account.status !== 'cancelled') return account;
  const detail = 'the account is cancelled at Sage and cannot be changed any more';
  throw new Problem({ status: 409, code: 'wrong_state', detail, extra: { state: account.status } });
}

/**
 * Asks something of Sage's Banking Service for a caller: a command that its workflow runs, waited for up to 20 s, then
 * 202. The same POST under the same key is the same command.
 * @throws {Problem} what the command failed with
 */
export async function runSageCommand(
  deps: ApiDeps,
  order: {
    kind: SageCommandKind;
    /** Null where it is about no customer. */
    customerId: string | null;
    input: SageCommandInput;
    seed: IdempotencySeed | null;
    doneStatus?: 200 | 201;
  },
): Promise<RouteAnswer> {
  const { kind, customerId, input, seed, doneStatus = 200 } = order;
  const commandId = commandIdOf(seed);
  await insertCommand(deps.pool, { commandId, customerId, kind, input, secretSealed: null });
  await deps.facade.runCommand({ commandId, channel: 'sage-banking' });
  return await awaitCommand(deps, { commandId, doneStatus, tokenRefusedStatus: 502 });
}
