import { z } from 'zod';
import type { ApiChannels } from '../channel.js';
import { connectionSchema } from '../connection-json.js';
import { readConnectionJson } from '../connection-params.js';
import { defineRoute } from '../define-route.js';
import { nothing, uuid } from '../fields.js';

/** One connection, on whichever channel; tokens are never returned. */
export function getConnection(channels: ApiChannels) {
  return defineRoute({
    method: 'get',
    path: '/v1/connections/{connection_id}',
    roles: ['core', 'ops'],
    resource: 'connection',
    summary: 'Read a connection',
    params: z.strictObject({ connection_id: uuid }),
    query: nothing,
    answers: { 200: { description: 'The connection', schema: connectionSchema } },
    handle: async ({ deps, params }) => {
      const connection = await readConnectionJson(deps, channels, { connectionId: params.connection_id });
      return { status: 200, body: connection };
    },
  });
}
