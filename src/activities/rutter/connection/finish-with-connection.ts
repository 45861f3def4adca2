import { finishCommand, type CommandProblem, type CommandState } from '../../../db/commands.js';
import type { RutterCommandRow } from '../../../db/rutter/commands.js';
import { randomUUID } from 'node:crypto';
import type { ConnectionStatus } from '../../../clients/rutter/schemas.js';
import { open } from '../../../crypto/seal.js';
import {
  insertConnection,
  lockConnectionByRutterId,
  sealAccessToken,
  updateConnection,
  type ConnectionRow,
} from '../../../db/connections.js';
import { transaction, type Queryable } from '../../../db/pool.js';
import { connectionFacts } from '../../../domain/rutter/connection.js';
import type { LinkState } from '../../../domain/link-state.js';
import type { RutterDeps } from '../deps.js';

export interface CommandContext {
  readonly deps: RutterDeps;
  readonly command: RutterCommandRow;
  readonly customerId: string;
  readonly signal: AbortSignal;
}

/** How a command ended in its row, or the problem to end it with. */
export type CommandEnding = { readonly state: CommandState } | { readonly problem: CommandProblem };

/** What is known of a connection at Rutter when it is stored. */
export interface ConnectionAtRutter {
  readonly rutterConnectionId: string;
  readonly accessToken: string;
  readonly platform: string;
  readonly linkUrl: string | null;
  /** Whether the customer must finish Rutter Link first. */
  readonly linkState: LinkState;
  readonly how: 'created' | 'exchanged' | 'adopted';
  /** Null when Rutter was not asked: a connection just made. */
  readonly status: ConnectionStatus | null;
}

export const connectionTaken: CommandProblem = {
  code: 'connection_taken',
  message: 'The connection belongs to another customer.',
};

/**
 * Stores a connection for the command's customer (contract 5.2): a new row, or fresh facts and token in the row that the
 * customer has already. Null when it belongs to another customer, of which nothing is changed.
 */
export async function storeConnection(
  db: Queryable,
  context: CommandContext,
  found: ConnectionAtRutter,
): Promise<{ connectionId: string; created: boolean } | null> {
  const { deps, command, customerId } = context;
  const fresh = randomUUID();
  const created = await insertConnection(db, {
    connectionId: fresh,
    customerId,
    platform: found.platform,
    rutterConnectionId: found.rutterConnectionId,
    accessTokenSealed: sealAccessToken(deps.keyring, { connectionId: fresh, accessToken: found.accessToken }),
    name: command.input.name ?? null,
    linkUrl: found.linkUrl,
    linkState: found.linkState,
    how: found.how,
  });
  const row = await lockConnectionByRutterId(db, found);
  if (row?.customerId !== customerId) return null;
  const { connectionId } = row;
  await updateConnection(db, {
    connectionId,
    accessTokenSealed: sealAccessToken(deps.keyring, { connectionId, accessToken: found.accessToken }),
    platform: found.platform,
    linkUrl: found.linkUrl,
    ...(found.linkState === 'done' ? { linkState: found.linkState } : {}),
    ...(found.status === null ? {} : { facts: connectionFacts(found.status) }),
  });
  return { connectionId, created };
}

/** Stores the connection and ends the command with it, in one transaction; then wakes what waits for the connection. */
export async function finishWithConnection(
  context: CommandContext,
  found: ConnectionAtRutter,
): Promise<CommandEnding> {
  const { deps, command } = context;
  const ending = await transaction(deps.pool, async (db) => {
    const stored = await storeConnection(db, context, found);
    const row = stored === null ? null : await lockConnectionByRutterId(db, found);
    if (stored === null || row === null) return null;
    const state = await finishCommand(db, { commandId: command.commandId, result: resultOf(row) });
    return { state, ...stored };
  });
  if (ending === null) return { problem: connectionTaken };
  // This may have restored an existing connection: its own workflow wakes its feeds, and it waits for Rutter Link.
  const isAwaited = !ending.created || found.linkState === 'awaited';
  if (isAwaited) await deps.workflows.wakeConnection({ connectionId: ending.connectionId });
  return { state: ending.state };
}

function resultOf(row: ConnectionRow): {
  connection_id: string;
  platform: string;
  status: string;
  link_url: string | null;
} {
  return {
    connection_id: row.connectionId,
    platform: row.platform,
    status: row.status,
    link_url: row.linkUrl,
  };
}

/** The command's secret: a public token or an access token. @throws Error when it was cleared, so the command ended */
export function openSecret({ deps, command }: CommandContext): string {
  if (command.secretSealed === null) throw new Error('the command has no secret any more');
  return open(deps.keyring, command.secretSealed, { table: 'commands', row: command.commandId });
}
