import { cancellationSignal } from '@temporalio/activity';
import { linkLifetimeMs } from '../../../clients/sage-banking/assumptions.js';
import type { SageLinkStart } from '../../../clients/sage-banking/client.js';
import { isSageInvalid, isSageNotFound } from '../../../clients/sage-banking/errors.js';
import { readSageAccount } from '../../../db/sage-banking/accounts.js';
import {
  readSageLink,
  storeLinkBank,
  storeConsentSession,
  type SageLinkEnding,
} from '../../../db/sage-banking/bank-links.js';
import { sageLinkAttemptsMax } from '../../../domain/sage-banking/bank-link.js';
import type { SageBankingDeps } from '../deps.js';
import { Obsolete } from '../../failures.js';
import { companyAccess } from '../access.js';
import {
  endingOnRefusal,
  endLink,
  linkContext,
  linkOver,
  sealOfLink,
  type LinkContext,
  type LinkOver,
} from './link-context.js';

/*
 * Opens a consent session (contract 5.1, 6.4) and stores, sealed, its URL for the customer and its poll route. Called again
 * after a route was lost: it opens another session, `sageLinkAttemptsMax` in all. A repeat is safe: Sage ignores a session
 * that no customer uses, and a stored session is not opened again. A direct bank has no consent session; only its kind is
 * checked. A refusal ends the link and is not a failure. Failures: ProviderUnavailable,
 * RateLimited, DatabaseUnavailable (retried); Obsolete.
 */

export interface LinkInput {
  readonly linkId: string;
}

export type BeginBankLinkResult =
  | { readonly outcome: 'waiting'; readonly pollAfterMs: number; readonly remainingMs: number }
  /** The account is known and can be created. */
  | { readonly outcome: 'granted' }
  | LinkOver;

export function sageBeginBankLink(deps: SageBankingDeps) {
  return async ({ linkId }: LinkInput): Promise<BeginBankLinkResult> => {
    const context = await linkContext(deps, { linkId, signal: cancellationSignal() });
    const { link } = context;
    if (link.state !== 'waiting') return await linkOver(context);
    if (link.accountSealed !== null && link.bankName !== null) return { outcome: 'granted' };
    if (link.pollRouteSealed !== null) return waiting(link);
    return await endingOnRefusal(context, () => begin(context));
  };
}

async function begin(context: LinkContext): Promise<BeginBankLinkResult> {
  const { deps, link } = context;
  const { linkId } = link;
  if (link.remainingMs !== null && link.remainingMs <= 0) {
    return await endLink(context, { state: 'expired', reason: 'out_of_time', message: null });
  }
  if (link.attempts >= sageLinkAttemptsMax) {
    const detail = { attempts: link.attempts };
    return await endLink(context, { state: 'expired', reason: 'route_lost', message: null, detail });
  }
  const unsuitable = link.purpose === 'reauthorise' ? null : await checkBank(context);
  if (unsuitable !== null) return await endLink(context, unsuitable);
  if (link.purpose === 'direct') return { outcome: 'granted' };
  const startedAtMs = performance.now();
  const start = await openConsent(context);
  if ('state' in start) return await endLink(context, start);
  await storeConsentSession(deps.pool, {
    linkId,
    redirectSealed: sealOfLink(context, { column: 'redirect', value: start.redirect }),
    pollRouteSealed: sealOfLink(context, { column: 'poll_route', value: start.pollRoute }),
    pollPeriodMs: start.pollPeriodMs,
    lifetimeMs: linkLifetimeMs,
    startedAgoMs: Math.ceil(performance.now() - startedAtMs),
  });
  if (link.purpose === 'reauthorise' && link.sageAccountId !== null) {
    // Checked at short intervals from now on: the account shows the renewal even if the consent session is lost.
    await context.sage.workflows.wakeAccount({ sageAccountId: link.sageAccountId });
  }
  const stored = await readSageLink(deps.pool, { linkId });
  if (stored === null) throw new Obsolete('the link does not exist');
  return stored.state === 'waiting' ? waiting(stored) : await linkOver({ ...context, link: stored });
}

function waiting(link: { pollPeriodMs: number | null; remainingMs: number | null }): BeginBankLinkResult {
  return {
    outcome: 'waiting',
    pollAfterMs: link.pollPeriodMs ?? 0,
    remainingMs: Math.max(0, Math.floor(link.remainingMs ?? 0)),
  };
}

/** Whether the bank is of the kind that the link is for (contract 4); null when it is. */
async function checkBank(context: LinkContext): Promise<SageLinkEnding | null> {
  const { deps, sage, link, signal } = context;
  try {
    const bank = await sage.client.getBank({ bankId: link.bankId, signal });
    const wanted = link.purpose === 'direct' ? 'direct' : 'indirect';
    if (bank.dataProvider !== wanted) {
      const detail = { data_provider: bank.dataProvider };
      return { state: 'refused', reason: 'wrong_bank_kind', message: null, detail };
    }
    await storeLinkBank(deps.pool, { linkId: link.linkId, bankName: bank.name });
    return null;
  } catch (error) {
    if (!isSageNotFound(error)) throw error;
    return { state: 'refused', reason: 'unknown_bank', message: error.errorMessage };
  }
}

async function openConsent(context: LinkContext): Promise<SageLinkStart | SageLinkEnding> {
  const { deps, sage, link, signal } = context;
  const access = await companyAccess(deps, link);
  if (link.purpose !== 'reauthorise') {
    return await sage.client.startLink({ access, bankId: link.bankId, e2e: link.linkId, signal });
  }
  const sageAccountId = link.sageAccountId ?? '';
  const account = await readSageAccount(deps.pool, { sageAccountId });
  if (account === null) throw new Obsolete('the account does not exist');
  const { bankAccountId } = account;
  if (link.attempts > 0) {
    // An earlier session was lost, and perhaps with it the answer that the customer had consented.
    const { status } = await sage.client.getBankAccount({ access, bankAccountId, signal });
    if (status === 'active') return { state: 'linked', sageAccountId };
  }
  try {
    return await sage.client.startReauthorisation({ access, bankAccountId, signal });
  } catch (error) {
    // Assumed: Sage's answer for an account that needs no new authorization (contract 6.4).
    if (!isSageInvalid(error)) throw error;
    await sage.workflows.wakeAccount({ sageAccountId });
    return { state: 'refused', reason: 'not_auth_required', message: error.errorMessage };
  }
}
