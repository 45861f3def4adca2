import { failCommand, type CommandProblem } from '../../db/commands.js';
import { readRutterCommand, type RutterCommandRow } from '../../db/rutter/commands.js';
import { cancellationSignal } from '@temporalio/activity';
import { isRutterError } from '../../clients/rutter/errors.js';
import { adoptConnection } from './connection/adopt-connection.js';
import { createConnection } from './connection/create-connection.js';
import { exchangePublicToken } from './connection/exchange-public-token.js';
import type { CommandContext, CommandEnding } from './connection/finish-with-connection.js';
import { resyncFeed } from './delivery/resync-feed.js';
import { recordingRejectedCredentials } from './rejected-credentials.js';
import type { RunCommandInput, RunCommandResult } from '../channel.js';
import type { RutterDeps } from './deps.js';
import { Obsolete } from '../failures.js';
import { refusalProblem } from '../command-failure.js';
import { whileHeartbeating } from '../while-heartbeating.js';

/*
 * Carries out one command at Rutter (contract 5.2) and ends its row with a result, or with a problem that quotes the
 * provider message. A repeat is safe: an ended command is left alone, writes go out under the key that was stored with
 * the command, and the connection's row is found by Rutter's id. Failures: ProviderUnavailable, RateLimited,
 * DatabaseUnavailable (retried within the command's budget); Obsolete. A refusal is no failure, it is the command's
 * answer.
 */

export function runRutterCommand(deps: RutterDeps) {
  return async (input: RunCommandInput): Promise<RunCommandResult> => {
    const command = await readRutterCommand(deps.pool, input);
    if (command?.customerId == null) throw new Obsolete('the command does not exist');
    if (command.state !== 'running') return { state: command.state };
    const context = { deps, command, customerId: command.customerId, signal: cancellationSignal() };
    try {
      const ending = await whileHeartbeating(() =>
        recordingRejectedCredentials(deps, () => run(context, command)),
      );
      if ('state' in ending) return ending;
      return { state: await failCommand(deps.pool, { ...input, problem: ending.problem }) };
    } catch (error) {
      const problem = problemOf(error);
      if (problem === null) throw error;
      return { state: await failCommand(deps.pool, { ...input, problem }) };
    }
  };
}

function run(context: CommandContext, command: RutterCommandRow): Promise<CommandEnding> {
  switch (command.kind) {
    case 'create_connection':
      return createConnection(context);
    case 'exchange_public_token':
      return exchangePublicToken(context);
    case 'adopt_connection':
      return adoptConnection(context);
    case 'resync_feed':
      return resyncFeed(context);
    default:
      throw new Obsolete('the command is not for Rutter');
  }
}

function problemOf(error: unknown): CommandProblem | null {
  const message = isRutterError(error) && 'errorMessage' in error ? error.errorMessage : null;
  return refusalProblem(error, message ?? (error instanceof Error ? error.message : 'refused'));
}
