import type { ApiChannels } from './channel.js';
import type { ConnectionJson } from './connection-json.js';
import type { ApiDeps } from './deps.js';
import { notFound } from './problem.js';

/** The connection, on whichever channel it is. @throws {Problem} 404 */
export async function readConnectionJson(
  deps: ApiDeps,
  channels: ApiChannels,
  input: { connectionId: string },
): Promise<ConnectionJson> {
  for (const channel of Object.values(channels)) {
    const connection = await channel.readConnection(deps.pool, input);
    if (connection !== null) return connection;
  }
  throw notFound('connection');
}
