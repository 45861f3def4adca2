import { z } from 'zod';
import {
  handoffKeyForm,
  listHandoffs as readHandoffs,
  type ListedHandoff,
} from '../../../db/rutter/handoff-list.js';
import { handoffReasons, handoffStandings } from '../../../domain/rutter/handoff-end.js';
import { customerId, instant, keyedPage, nextCursor, nothing, page, pageFields } from '../../fields.js';
import { defineRutterRoute } from '../define-route.js';

const handoffsSchema = z
  .object({
    handoffs: z.array(
      z
        .object({
          handoff_id: z.string().meta({
            description: 'SHA-256 of the challenge, as in log lines and in the workflow `login-handoff/…`.',
          }),
          state: z.enum(handoffStandings),
          reason: z.enum(handoffReasons).nullable().meta({
            description: 'Why it failed; the runbook explains each reason. Null unless it failed.',
          }),
          error_code: z.string().nullable().meta({
            description: 'The code with which Rutter refused, or what is wrong with a refused link.',
          }),
          customer_id: z.string().nullable().meta({ description: 'Null until somebody has signed in.' }),
          connection_id: z.string().nullable().meta({ format: 'uuid' }),
          accounts: z.int().min(0).meta({ description: 'How many accounts the customer chose.' }),
          arrived_at: instant,
          deadline_at: instant,
          ended_at: instant.nullable(),
        })
        .meta({ id: 'Handoff' }),
    ),
    next_cursor: nextCursor,
  })
  .meta({ id: 'HandoffPage' });

/** Logins from Sage, for operators. */
export const listHandoffs = defineRutterRoute({
  method: 'get',
  path: '/v1/handoffs',
  roles: ['ops'],
  resource: 'handoff',
  summary: 'Logins from Sage, newest first',
  description:
    'A handoff is one browser login from Sage, of at most ten minutes. `failed` are those that ended without a redirect to Sage, with their `reason`; `cancelled` and `declined` are decisions of the customer. Links to which nobody signed in are kept for a day, others for 30 days.',
  params: nothing,
  query: z.strictObject({
    state: z.enum(handoffStandings).optional(),
    reason: z.enum(handoffReasons).optional(),
    customer_id: customerId.optional(),
    ...pageFields,
  }),
  answers: { 200: { description: 'A page of handoffs', schema: handoffsSchema } },
  handle: async ({ deps, query }) => {
    const { after, limit } = keyedPage(query, handoffKeyForm);
    const rows = await readHandoffs(deps.pool, {
      standing: query.state,
      reason: query.reason,
      customerId: query.customer_id,
      afterKey: after,
      limit: limit + 1,
    });
    const { shown, next } = page(rows, limit, (handoff) => handoff.key);
    return { status: 200, body: { handoffs: shown.map(handoffJson), next_cursor: next } };
  },
});

function handoffJson(handoff: ListedHandoff) {
  return {
    handoff_id: handoff.handoffId,
    state: handoff.standing,
    reason: handoff.reason,
    error_code: handoff.errorCode,
    customer_id: handoff.customerId,
    connection_id: handoff.connectionId,
    accounts: handoff.accounts,
    arrived_at: handoff.arrivedAt,
    deadline_at: handoff.deadlineAt,
    ended_at: handoff.endedAt,
  };
}
