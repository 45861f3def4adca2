import { z } from 'zod';
import type { ApiChannels } from '../channel.js';
import { connectionSchema } from '../connection-json.js';
import { readConnectionJson } from '../connection-params.js';
import { defineRoute } from '../define-route.js';
import { uuid } from '../fields.js';
import { pollRow } from '../poll-row.js';
import { Problem, invalid } from '../problem.js';

/** The longest that a call waits for the connection's row to show that it is unlinked. */
const shownWithinMs = 10_000;

/** Ends a connection: its workflow deletes it at the provider, and the row shows when that is done. */
export function deleteConnection(channels: ApiChannels) {
  return defineRoute({
    method: 'delete',
    path: '/v1/connections/{connection_id}',
    roles: ['core', 'ops'],
    resource: 'connection',
    summary: 'Unlink a connection and close its feeds',
    description: `Nothing new is sent from now on. When the batch in flight has an outcome, the connection is deleted at the provider and its feeds are closed; 202 with the connection until then, for instance while a job runs that only an operator can abandon. What was stored and delivered stays readable. It cannot be undone: to share again, the customer connects again. Repeating the request is safe, and one that the provider does not know any more counts as deleted. \`confirm\` must repeat the id.`,
    params: z.strictObject({ connection_id: uuid }),
    query: z.strictObject({
      confirm: z.string().optional().meta({ description: 'The same id again. Required.' }),
    }),
    answers: {
      200: { description: 'Unlinked', schema: connectionSchema },
      202: {
        description: `Requested; not done within ${shownWithinMs} ms. Read the connection at \`Location\``,
        schema: connectionSchema,
      },
    },
    handle: async ({ deps, params, query }) => {
      const connectionId = params.connection_id;
      const before = await readConnectionJson(deps, channels, { connectionId });
      const { unlinkConnection } = channels[before.channel];
      if (unlinkConnection === null) throw notPossible(before.channel);
      if (query.confirm !== connectionId) throw notConfirmed(connectionId);
      if (before.unlinked_at !== null) return { status: 200, body: before };
      await unlinkConnection(deps, { connectionId });
      const after = await pollRow({
        read: () => readConnectionJson(deps, channels, { connectionId }),
        done: (connection) => connection.unlinked_at !== null,
        timeoutMs: shownWithinMs,
      });
      if (after.unlinked_at !== null) return { status: 200, body: after };
      return { status: 202, body: after, headers: { Location: `/v1/connections/${connectionId}` } };
    },
  });
}

function notConfirmed(connectionId: string): Problem {
  const message = `must repeat the id of the connection, since this cannot be undone: DELETE /v1/connections/${connectionId}?confirm=${connectionId}`;
  return invalid({ status: 422, code: 'not_confirmed', errors: [{ pointer: '/confirm', message }] });
}

function notPossible(channel: string): Problem {
  return new Problem({
    status: 409,
    code: 'other_channel',
    detail: `a connection of the channel ${channel} is not unlinked: disconnect its accounts one by one with DELETE /v1/sage/accounts/{sage_account_id}`,
  });
}
