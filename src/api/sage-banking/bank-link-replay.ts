import { z } from 'zod';
import { readSageLink } from '../../db/sage-banking/bank-links.js';
import type { AnswerReplay } from '../idempotency.js';
import { notFound } from '../problem.js';
import { sageLinkJson } from './bank-link-json.js';

const kept = z.object({ link_id: z.string() });

/**
 * A link answered again under its key: as it stands now. Where the customer is sent stands sealed in the row alone, and
 * the way of the first answer may be a dead one by then.
 */
export const sageLinkReplay: AnswerReplay = {
  keep: (body) => kept.parse(body),
  rebuild: async (deps, value) => {
    const link = await readSageLink(deps.pool, { linkId: kept.parse(value).link_id });
    if (link === null) throw notFound('link');
    return sageLinkJson(deps.keyring, link);
  },
};
