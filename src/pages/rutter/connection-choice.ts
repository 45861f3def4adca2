import type { ListedConnection } from '../../db/connections.js';

/**
 * Which Sage company a handoff is for. Without a connection that already has feeds in Sage there is nothing to ask: a
 * connection that nobody has used yet is taken, or a new one is made.
 */
export type ConnectionChoice =
  | { readonly ask: false; readonly connectionId: string | null }
  | {
      readonly ask: true;
      /** Most recent first. */
      readonly linked: readonly ListedConnection[];
      /** What "a new one" stands for: an unused connection, or null for one to be made. */
      readonly newConnectionId: string | null;
    };

/** Value of the radio button for "a new one"; connection ids are UUIDs. */
export const newConnectionValue = 'new';

/** @param connections of one customer, oldest first */
export function connectionChoice(connections: readonly ListedConnection[]): ConnectionChoice {
  const usable = connections.toReversed();
  const linked = usable.filter((connection) => connection.linkedFeeds > 0);
  const unused = usable.find((connection) => connection.linkedFeeds === 0 && connection.status !== 'refused');
  const newConnectionId = unused?.connectionId ?? null;
  return linked.length === 0
    ? { ask: false, connectionId: newConnectionId }
    : { ask: true, linked, newConnectionId };
}

/** The connection that a form's value stands for; undefined when it stands for none of those offered. */
export function chosenConnection(choice: ConnectionChoice, value: string): string | null | undefined {
  if (!choice.ask) return choice.connectionId;
  if (value === newConnectionValue) return choice.newConnectionId;
  return choice.linked.find((connection) => connection.connectionId === value)?.connectionId;
}
