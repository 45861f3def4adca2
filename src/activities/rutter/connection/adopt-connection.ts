import { RutterUnauthorized } from '../../../clients/rutter/errors.js';
import { CredentialsRejected } from '../../failures.js';
import {
  finishWithConnection,
  openSecret,
  type CommandContext,
  type CommandEnding,
} from './finish-with-connection.js';

/**
 * Adopts a connection that was created elsewhere, after reading which connection the token belongs to (contract 5.2,
 * GET /connections/access_token and /connections/status). Reads only, so a repeat is harmless.
 */
export async function adoptConnection(context: CommandContext): Promise<CommandEnding> {
  const accessToken = openSecret(context);
  const { connection, status } = await readBoth(context, accessToken);
  if (connection.id !== context.command.input.rutter_connection_id) {
    const message = 'The access token belongs to another connection.';
    return { problem: { code: 'connection_mismatch', message } };
  }
  return await finishWithConnection(context, {
    rutterConnectionId: connection.id,
    accessToken,
    platform: connection.platform ?? context.deps.settings.rutterPlatform,
    linkUrl: connection.linkUrl,
    linkState: 'done',
    how: 'adopted',
    status,
  });
}

/** Reads the connection that a token belongs to. A 401 is distinguished from rejected credentials of our own. */
export async function readBoth({ deps, signal }: CommandContext, accessToken: string) {
  try {
    const connection = await deps.rutter.getConnectionByToken({
      accessToken,
      priority: 'interactive',
      signal,
    });
    const status = await deps.rutter.getConnectionStatus({ accessToken, priority: 'interactive', signal });
    return { connection, status };
  } catch (error) {
    const ours =
      error instanceof RutterUnauthorized && (await deps.rutter.probeCredentials({ signal })) === 'refused';
    throw ours ? new CredentialsRejected(error) : error;
  }
}
