import { z } from 'zod';
import type { AnswerReplay } from '../idempotency.js';
import { sageAccountJson } from './account-json.js';
import { requireSageAccount } from './account-params.js';
import { sageLinkReplay } from './bank-link-replay.js';

/** The account, or the link that creates it. */
const kept = z.union([z.object({ link_id: z.string() }), z.object({ sage_account_id: z.string() })]);

/**
 * The answer to a repeated call that creates an account of a direct bank: the account as it is now. The first answer is
 * not stored, since it contains the signed URL of a form.
 */
export const sageAccountReplay: AnswerReplay = {
  keep: (body) => kept.parse(body),
  rebuild: async (deps, value) => {
    const ids = kept.parse(value);
    if ('link_id' in ids) return await sageLinkReplay.rebuild(deps, ids);
    return sageAccountJson(deps, await requireSageAccount(deps, { sageAccountId: ids.sage_account_id }));
  },
};
