import type { ConnectionMode } from '../../domain/rutter/connection.js';
import type { ListedConnection } from '../../db/listed-connections.js';

/**
 * Which Sage company a handoff is for. Without a connection that already has feeds in Sage the page does not ask: an
 * unused connection is used, or a new one is created.
 */
export type ConnectionChoice =
  | { readonly ask: false; readonly connectionId: string | null }
  | {
      readonly ask: true;
      /** Most recent first. */
      readonly linked: readonly ListedConnection[];
      /** The connection behind "a new one": an unused one, or null when one has to be created. */
      readonly newConnectionId: string | null;
    };

/** Value of the radio button for "a new one"; connection ids are UUIDs. */
export const newConnectionValue = 'new';

/**
 * @param connections of one customer, oldest first
 * @param mode with `link` a new company needs a connection that was made through Rutter Link
 */
export function connectionChoice(
  connections: readonly ListedConnection[],
  mode: ConnectionMode,
): ConnectionChoice {
  const usable = connections.toReversed().filter(({ linkState }) => linkState !== 'awaited');
  const linked = usable.filter((connection) => connection.linkedFeeds > 0);
  const unused = usable.find(
    ({ linkedFeeds, status, linkState }) =>
      linkedFeeds === 0 && status !== 'refused' && (mode === 'api' || linkState === 'done'),
  );
  const newConnectionId = unused?.connectionId ?? null;
  return linked.length === 0
    ? { ask: false, connectionId: newConnectionId }
    : { ask: true, linked, newConnectionId };
}

/** The connection whose Rutter Link the customer has begun and not finished, the newest one; undefined without. */
export function awaitedLink(connections: readonly ListedConnection[]): ListedConnection | undefined {
  return connections
    .toReversed()
    .find(({ linkState, status }) => linkState === 'awaited' && status !== 'refused');
}

/** The connection that a form's value selects; undefined when it selects none of those offered. */
export function chosenConnection(choice: ConnectionChoice, value: string): string | null | undefined {
  if (!choice.ask) return choice.connectionId;
  if (value === newConnectionValue) return choice.newConnectionId;
  return choice.linked.find((connection) => connection.connectionId === value)?.connectionId;
}
