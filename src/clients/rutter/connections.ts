import type { CallOptions, ForConnection, Keyed } from './call-options.js';
import { connectionListBytesMax } from './body-sizes.js';
import { isNotFound } from './errors.js';
import type { Requester, RutterRequest } from './request.js';
import {
  connectionListSchema,
  connectionSchema,
  connectionStatusSchema,
  createdConnectionSchema,
  deletedSchema,
  exchangedTokenSchema,
} from './schemas.js';
import type {
  ConnectionStatus,
  CreatedConnection,
  ExchangedToken,
  ListedConnection,
  RutterConnection,
} from './schemas.js';

/** The whole list is one answer. */
const connectionListTimeoutMs = 60_000;

export type ConnectionDeletion = 'deleted' | 'gone' | 'not_deleted';

/** Connections and Link tokens (contract 5.2). */
export interface ConnectionCalls {
  /**
   * POST /connections/create with the platform only (5.1); null: an empty body, and the customer picks the platform in
   * Link (5.2). The token in the result is a secret.
   */
  createConnection(input: CallOptions & Keyed & { platform: string | null }): Promise<CreatedConnection>;
  /**
   * POST /item/public_token/exchange. A public token works once: after an unknown outcome the customer starts Link
   * again.
   */
  exchangePublicToken(input: CallOptions & Partial<Keyed> & { publicToken: string }): Promise<ExchangedToken>;
  /** GET /connections/access_token. */
  getConnectionByToken(input: ForConnection): Promise<RutterConnection>;
  /** GET /connections/status. */
  getConnectionStatus(input: ForConnection): Promise<ConnectionStatus>;
  /** GET /connections?status=any: all of the organisation, broken ones included. The list has no pages (contract 5.2). */
  listConnections(input: CallOptions): Promise<ListedConnection[]>;
  /** DELETE /connections/:id. `gone`: it did not exist any more. `not_deleted`: Rutter's answer says that it failed. */
  deleteConnection(input: CallOptions & { connectionId: string }): Promise<ConnectionDeletion>;
}

export function createConnectionCalls(dependencies: {
  request: Requester;
  timeoutMs: number;
  clientId: string;
  clientSecret: string;
}): ConnectionCalls {
  const { request, timeoutMs, clientId, clientSecret } = dependencies;
  return {
    async createConnection({ platform, idempotencyKey, priority = 'interactive', signal }) {
      const answer = await request({
        operation: 'createConnection',
        method: 'POST',
        path: '/connections/create',
        body: JSON.stringify(platform === null ? {} : { platform }),
        idempotencyKey,
        schema: createdConnectionSchema,
        timeoutMs,
        priority,
        signal,
      });
      return answer.value;
    },

    async exchangePublicToken({ publicToken, idempotencyKey, priority = 'interactive', signal }) {
      const answer = await request({
        operation: 'exchangePublicToken',
        method: 'POST',
        path: '/item/public_token/exchange',
        // This call takes the credentials in the body; Basic authentication beside them is ignored.
        body: JSON.stringify({ client_id: clientId, secret: clientSecret, public_token: publicToken }),
        ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
        schema: exchangedTokenSchema,
        secrets: [publicToken],
        timeoutMs,
        priority,
        signal,
      });
      return answer.value;
    },

    listConnections: connectionList(request),

    getConnectionByToken: connectionRead(dependencies, {
      operation: 'getConnectionByToken',
      path: '/connections/access_token',
      schema: connectionSchema,
    }),

    getConnectionStatus: connectionRead(dependencies, {
      operation: 'getConnectionStatus',
      path: '/connections/status',
      schema: connectionStatusSchema,
    }),

    async deleteConnection({ connectionId, priority = 'interactive', signal }) {
      try {
        const answer = await request({
          operation: 'deleteConnection',
          method: 'DELETE',
          path: `/connections/${encodeURIComponent(connectionId)}`,
          schema: deletedSchema,
          timeoutMs,
          priority,
          signal,
        });
        return answer.value.success ? 'deleted' : 'not_deleted';
      } catch (error) {
        if (isNotFound(error)) return 'gone';
        throw error;
      }
    },
  };
}

/** Has its own limits: the answer grows with the number of customers. */
function connectionList(request: Requester): ConnectionCalls['listConnections'] {
  return async ({ priority = 'interactive', signal }) => {
    const answer = await request({
      operation: 'listConnections',
      method: 'GET',
      path: '/connections',
      query: { status: 'any' },
      schema: connectionListSchema,
      answerBytesMax: connectionListBytesMax,
      timeoutMs: connectionListTimeoutMs,
      priority,
      signal,
    });
    return answer.value;
  };
}

/** A read of one connection. The token names the connection, so the path carries no id. */
function connectionRead<T>(
  { request, timeoutMs }: { request: Requester; timeoutMs: number },
  read: Pick<RutterRequest<T>, 'operation' | 'path' | 'schema'>,
): (input: ForConnection) => Promise<T> {
  return async ({ accessToken, priority = 'interactive', signal }) => {
    const answer = await request({
      operation: read.operation,
      method: 'GET',
      path: read.path,
      schema: read.schema,
      accessToken,
      timeoutMs,
      priority,
      signal,
    });
    return answer.value;
  };
}
