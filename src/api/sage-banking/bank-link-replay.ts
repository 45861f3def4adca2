import { z } from 'zod';
import { readSageLink } from '../../db/sage-banking/bank-links.js';
import type { AnswerReplay } from '../idempotency.js';
import { notFound } from '../problem.js';
import { sageLinkJson } from './bank-link-json.js';

const kept = z.object({ link_id: z.string() });

/**
 * The answer to a repeated call that starts a link: the link as it is now. The first answer is not stored, since its URL is
 * kept only sealed in the row, and its consent session may have ended by then.
 */
export const sageLinkReplay: AnswerReplay = {
  keep: (body) => kept.parse(body),
  rebuild: async (deps, value) => {
    const link = await readSageLink(deps.pool, { linkId: kept.parse(value).link_id });
    if (link === null) throw notFound('link');
    return sageLinkJson(deps.keyring, link);
  },
};
