import { z } from 'zod';
import type { AnswerReplay } from '../idempotency.js';
import { sageAccountJson } from './account-json.js';
import { requireSageAccount } from './account-params.js';
import { sageLinkReplay } from './bank-link-replay.js';

/** The link that is to create the account, or the account. */
const kept = z.union([z.object({ link_id: z.string() }), z.object({ sage_account_id: z.string() })]);

/** An account of a direct bank answered again under its key, as it stands now: its form has a signed address. */
export const sageAccountReplay: AnswerReplay = {
  keep: (body) => kept.parse(body),
  rebuild: async (deps, value) => {
    const ids = kept.parse(value);
    if ('link_id' in ids) return await sageLinkReplay.rebuild(deps, ids);
    return sageAccountJson(deps, await requireSageAccount(deps, { sageAccountId: ids.sage_account_id }));
  },
};
