import { Client, Connection, type ConnectionOptions } from '@temporalio/client';
import type { DataConverter } from '@temporalio/common';

/** A client, and a function that closes its connection. */
export interface TemporalClient {
  readonly client: Client;
  close(): Promise<void>;
}

/**
 * A client that connects with its first call, and again after a loss: the process may start while Temporal is unavailable.
 * `connection` is what the environment says (`@temporalio/envconfig` in the entry points).
 */
export function createTemporalClient(input: {
  connection: ConnectionOptions;
  namespace: string | undefined;
  dataConverter: DataConverter;
  /** Shown in histories as the sender of signals. */
  identity: string;
}): TemporalClient {
  const connection = Connection.lazy(input.connection);
  const client = new Client({
    connection,
    namespace: input.namespace ?? 'default',
    dataConverter: input.dataConverter,
    identity: input.identity,
  });
  return { client, close: () => connection.close() };
}
