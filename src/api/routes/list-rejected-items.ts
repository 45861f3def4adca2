import { z } from 'zod';
import { openIfReadable, unsealReasons } from '../../crypto/seal.js';
import { readAccount } from '../../db/accounts.js';
import { readIngestionProblems } from '../../db/ingestion-problems.js';
import { listRejectedItems as readItems, type RejectedItem } from '../../db/rejected-items.js';
import { rejectedSample } from '../../domain/ingestion-problem.js';
import { defineRoute } from '../define-route.js';
import type { ApiDeps } from '../deps.js';
import { numberedPage } from '../feed-params.js';
import { accountId, instant, nextCursor, page, pageFields } from '../fields.js';
import type { RejectedContent } from '../ingest-chunk.js';
import { ingestionProblemsJson, ingestionProblemsSchema } from '../ingestion-problems-json.js';
import { notFound } from '../problem.js';

const itemsSchema = z
  .object({
    ingestion_problems: ingestionProblemsSchema,
    items: z.array(
      z.object({
        item_id: z.string().meta({ format: 'uuid' }),
        received_at: instant,
        transaction_id: z.string().nullable(),
        index: z
          .int()
          .nullable()
          .meta({ description: 'Index of the item or line in its call, from 0. Null when unreadable.' }),
        errors: z.array(z.object({ pointer: z.string(), reason: z.string() })),
        item: z
          .string()
          .nullable()
          .meta({ description: 'The item as JSON text, as it was sent. Null when unreadable.' }),
        truncated: z.boolean(),
        unreadable: z.enum(unsealReasons).nullable().meta({
          description:
            'Why the content cannot be decrypted, else null. `unknown_key`: the key that it was encrypted with is not in `ENCRYPTION_KEYS`.',
        }),
      }),
    ),
    next_cursor: nextCursor,
  })
  .meta({ id: 'RejectedItemPage' });

/** What core banking sent for an account that was rejected: the counts, and a sample of the items. */
export const listRejectedItems = defineRoute({
  method: 'get',
  path: '/v1/accounts/{account_id}/rejected-items',
  roles: ['ops'],
  resource: 'account',
  summary: 'A sample of rejected items, newest first',
  description: `At most ${rejectedSample.itemsPerAccountMax} items of an account, each for ${rejectedSample.keptDays} days; of one chunk of a call at most ${rejectedSample.itemsPerChunkMax}, and ${rejectedSample.itemsPerFaultMax} with the same wrong fields. The counts are complete.`,
  params: z.strictObject({ account_id: accountId }),
  query: z.strictObject(pageFields),
  answers: { 200: { description: 'A page of items with all counts', schema: itemsSchema } },
  handle: async ({ deps, params, query }) => {
    const account = await readAccount(deps.pool, { accountId: params.account_id });
    if (account === null) throw notFound('account');
    const { before, limit } = numberedPage(query);
    const { accountId: id } = account;
    const rows = await readItems(deps.pool, { accountId: id, beforePosition: before, limit: limit + 1 });
    const { shown, next } = page(rows, limit, (item) => item.position);
    const counts = await readIngestionProblems(deps.pool, { accountId: id });
    return {
      status: 200,
      body: {
        ingestion_problems: ingestionProblemsJson(counts),
        items: shown.map((item) => itemJson(deps, item)),
        next_cursor: next,
      },
    };
  },
});

const nothingReadable = { transaction_id: null, index: null, errors: [], item: null, truncated: false };

function itemJson(deps: ApiDeps, item: RejectedItem) {
  const context = { table: 'rejected_items', row: item.itemId };
  const { text, unreadable } = openIfReadable(deps.keyring, item.contentSealed, context);
  const content = text === null ? nothingReadable : (JSON.parse(text) as RejectedContent);
  return { item_id: item.itemId, received_at: item.receivedAt, ...content, unreadable };
}
