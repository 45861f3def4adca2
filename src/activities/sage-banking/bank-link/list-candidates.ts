import {
  ruleTarget,
  wrongState,
  type SageCommandContext,
  type SageCommandEnding,
} from '../command-context.js';

/**
 * Accounts that the customer has granted with the consent of this one (contract 6.6). The first request makes Sage ask the
 * bank, and its answer may be incomplete; a second one follows when the list is complete.
 */
export async function listCandidates(context: SageCommandContext): Promise<SageCommandEnding> {
  const { deps, sage, signal } = context;
  const { account, call } = await ruleTarget(context);
  if (account.status === 'cancelled') throw wrongState();
  await sage.client.listCandidates(call);
  await deps.wait(sage.settings.candidatesRefreshMs, signal);
  const candidates = await sage.client.listCandidates(call);
  return {
    result: {
      accounts: candidates.map(({ bankAccountCandidateId, metadata }) => ({
        candidate_id: bankAccountCandidateId,
        connected: metadata?.connected === true,
        metadata: metadata ?? {},
      })),
    },
  };
}
