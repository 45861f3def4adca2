import { cancellationSignal } from '@temporalio/activity';
import type { SageLinkPoll } from '../../../clients/sage-banking/client.js';
import { SageGone, SageRefused, SageUnauthorized } from '../../../clients/sage-banking/errors.js';
import { clearLinkRoute, storeLinkedAccount, storeNextRoute } from '../../../db/sage-banking/bank-links.js';
import type { SageBankingDeps } from '../deps.js';
import { untilStored } from '../../until-stored.js';
import {
  endingOnRefusal,
  endLink,
  linkContext,
  linkOver,
  openOfLink,
  sealOfLink,
  type LinkContext,
  type LinkOver,
} from './link-context.js';
import type { LinkInput } from './begin-bank-link.js';

/*
 * Polls a link once (contract 5.2). A route can be polled only once, so the next route, or the result, is stored at once,
 * with retries until the database accepts it. A repeat is safe: it polls the stored route; if that was used already,
 * because the answer was lost or the process died before storing it, Sage answers 410, the route is cleared and the outcome
 * is `lost`. A refusal ends the link and is not a failure. Failures: ProviderUnavailable, RateLimited, DatabaseUnavailable (retried); Obsolete.
 */

/** The rest of the activity's time after the request: an answer that is not stored by then is lost. */
const storeWithinMs = 20_000;

export type PollBankLinkResult =
  | { readonly outcome: 'waiting'; readonly pollAfterMs: number; readonly remainingMs: number }
  /** There is no route to poll any more: open another session. */
  | { readonly outcome: 'lost' }
  | { readonly outcome: 'granted' }
  | LinkOver;

export function sagePollBankLink(deps: SageBankingDeps) {
  return async ({ linkId }: LinkInput): Promise<PollBankLinkResult> => {
    const context = await linkContext(deps, { linkId, signal: cancellationSignal() });
    const { link } = context;
    if (link.state !== 'waiting') return await linkOver(context);
    if (link.accountSealed !== null) return { outcome: 'granted' };
    if (link.pollRouteSealed === null) return { outcome: 'lost' };
    const { pollRouteSealed } = link;
    return await endingOnRefusal(context, () => poll(context, pollRouteSealed));
  };
}

async function poll(context: LinkContext, usedRouteSealed: string): Promise<PollBankLinkResult> {
  const { deps, sage, link, signal } = context;
  const { linkId } = link;
  const pollRoute = openOfLink(context, { column: 'poll_route', sealed: usedRouteSealed });
  let answer: SageLinkPoll;
  try {
    answer = await sage.client.pollLink({ pollRoute, signal });
  } catch (error) {
    if (!isRouteLost(error)) throw error;
    await clearLinkRoute(deps.pool, { linkId, spentSealed: usedRouteSealed });
    return { outcome: 'lost' };
  }
  switch (answer.kind) {
    case 'waiting': {
      if (isOutOfTime(context)) return await endOutOfTime(context);
      const { pollPeriodMs } = answer;
      const pollRouteSealed = sealOfLink(context, { column: 'poll_route', value: answer.pollRoute });
      await stored(() =>
        storeNextRoute(deps.pool, { linkId, spentSealed: usedRouteSealed, pollRouteSealed, pollPeriodMs }),
      );
      const remainingMs = Math.max(0, Math.floor(link.remainingMs ?? 0));
      return { outcome: 'waiting', pollAfterMs: pollPeriodMs, remainingMs };
    }
    case 'failed':
      if (isOutOfTime(context)) return await endOutOfTime(context);
      return await stored(() =>
        endLink(context, { state: 'refused', reason: 'bank_refused', message: null }),
      );
    case 'succeeded':
      return await succeeded(context, answer.account);
  }
}

/** The answers that mean that the route cannot be polled any more. */
function isRouteLost(error: unknown): boolean {
  return error instanceof SageGone || error instanceof SageRefused || error instanceof SageUnauthorized;
}

async function succeeded(
  context: LinkContext,
  account: Extract<SageLinkPoll, { kind: 'succeeded' }>['account'],
): Promise<PollBankLinkResult> {
  const { deps, link } = context;
  if (link.purpose === 'reauthorise') {
    const sageAccountId = link.sageAccountId ?? '';
    return await stored(() => endLink(context, { state: 'linked', sageAccountId }));
  }
  if (account === null) {
    return await stored(() =>
      endLink(context, { state: 'refused', reason: 'no_account_reported', message: null }),
    );
  }
  const accountSealed = sealOfLink(context, { column: 'account', value: JSON.stringify(account) });
  await stored(() => storeLinkedAccount(deps.pool, { linkId: link.linkId, accountSealed }));
  return { outcome: 'granted' };
}

function stored<T>(store: () => Promise<T>): Promise<T> {
  return untilStored(store, { withinMs: storeWithinMs });
}

/** By the database's clock before the request: a refusal of the bank at the last moment still counts. */
function isOutOfTime({ link }: LinkContext): boolean {
  return link.remainingMs !== null && link.remainingMs <= 0;
}

function endOutOfTime(context: LinkContext): Promise<LinkOver> {
  return endLink(context, { state: 'expired', reason: 'out_of_time', message: null });
}
