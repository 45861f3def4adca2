import { transaction } from '../../../db/pool.js';
import { readBoth } from './adopt-connection.js';
import {
  connectionTaken,
  finishWithConnection,
  openSecret,
  storeConnection,
  type CommandContext,
  type CommandEnding,
} from './finish-with-connection.js';

/**
 * Exchanges a public token of Rutter Link (contract 5.2). It works once, so the connection is stored the moment it is
 * known and only then asked for its status; a repeat goes out under the command's key, which gives the same answer.
 */
export async function exchangePublicToken(context: CommandContext): Promise<CommandEnding> {
  const { deps, command, signal } = context;
  const exchanged = await deps.rutter.exchangePublicToken({
    publicToken: openSecret(context),
    idempotencyKey: command.providerKey,
    priority: 'interactive',
    signal,
  });
  const { accessToken } = exchanged;
  const known = {
    rutterConnectionId: exchanged.connectionId,
    accessToken,
    platform: exchanged.platform ?? deps.settings.rutterPlatform,
    linkUrl: null,
    linkState: 'done',
    how: 'exchanged',
    status: null,
  } as const;
  const stored = await transaction(deps.pool, (db) => storeConnection(db, context, known));
  if (stored === null) return { problem: connectionTaken };
  const { connection, status } = await readBoth(context, accessToken);
  return await finishWithConnection(context, { ...known, linkUrl: connection.linkUrl, status });
}
