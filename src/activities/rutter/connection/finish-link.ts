import { openAccessToken, updateConnection, type ConnectionRow } from '../../../db/connections.js';
import { connectionFacts } from '../../../domain/rutter/connection.js';
import type { RutterDeps } from '../deps.js';

/**
 * Whether the customer has finished Rutter Link for a connection that was created without a platform: Rutter then has
 * one, and calls it ready (contract 5.2, 5.3). Both are stored, so that handoffs use the connection from then on.
 */
export async function isLinkFinished(
  deps: RutterDeps,
  connection: ConnectionRow,
  signal: AbortSignal,
): Promise<boolean> {
  const accessToken = openAccessToken(deps.keyring, connection);
  const status = await deps.rutter.getConnectionStatus({ accessToken, priority: 'interactive', signal });
  const facts = connectionFacts(status);
  if (!status.isReady || facts.status !== 'ok') return false;
  const { platform } = await deps.rutter.getConnectionByToken({
    accessToken,
    priority: 'interactive',
    signal,
  });
  const { connectionId } = connection;
  await updateConnection(deps.pool, {
    connectionId,
    facts,
    linkState: 'done',
    ...(platform === null ? {} : { platform }),
  });
  return true;
}
