import { Router } from 'express';
import { isSageFeed } from '../../db/sage-banking/customer-feeds.js';
import { readNewestSageOnboarding } from '../../db/sage-banking/onboardings.js';
import type { SageBankingFacade } from '../../temporal/sage-banking/facade.js';
import type { PagesChannel } from '../channel.js';
import { formBody } from '../form.js';
import { pageHeaders } from '../page-headers.js';
import { askToDisconnect, disconnect, reauthorize, showAccount } from './account.js';
import { searchBanks, showBanks, showBankSearch } from './bank-search.js';
import { beginLink, showBeginLink } from './begin-link.js';
import { askToDeleteRestorable, deleteRestorable } from './delete-restorable.js';
import { linkFurtherAccount, showFurtherAccounts } from './further-accounts.js';
import { beginLinkAgain, showLink } from './link-progress.js';
import { showOnboarding, takeCaptcha } from './onboarding.js';
import { reprocess, showReprocess } from './reprocess.js';
import { restoreRules, showRestorable, showRestored } from './restore.js';
import { showRuleOrder } from './rule-order.js';
import { askToDeleteRule, deleteRule, moveRule, showRules } from './rules.js';
import type { SageHandler, SagePages } from './context.js';
import { doing, showing, timeZoneOf } from './context.js';
import { connectBankCard, sageFeedCard } from './feed-card.js';
import { onboardingCard } from './onboarding-card.js';
import { showNewRule, showRule, workOnNewRule, workOnOldRule } from './save-rule.js';
import { withSageTexts } from './texts.js';
import { britishSageTexts } from './texts/en-gb.js';

export interface SageBankingPagesInput {
  readonly facade: SageBankingFacade;
}

/** The pages of the `sage-banking` channel. @param input null where the channel has no configuration */
export function createSageBankingPages(input: SageBankingPagesInput | null): PagesChannel {
  return {
    id: 'sage-banking',
    createRootPages: () => null,
    createStatusPages: (pages) => {
      if (input === null) return null;
      const router = Router({ caseSensitive: true });
      router.use('/sage', createSagePages({ ...pages, t: withSageTexts(pages.t), sage: input.facade }));
      return router;
    },
    readStatusCards: async (pages, customer) => {
      const { pool } = pages;
      const { customerId, formToken } = customer;
      const t = withSageTexts(pages.t);
      const isConfigured = input !== null;
      const onboarding = isConfigured ? await readNewestSageOnboarding(pool, { customerId }) : null;
      const timeZone = await timeZoneOf({ pages, customer });
      const card = onboarding === null ? undefined : onboardingCard(t, onboarding);
      return {
        top: card === undefined ? [] : [card],
        feed: (feed) =>
          isSageFeed(feed)
            ? sageFeedCard(t, feed, { formToken, isConfigured, timeZone, nowMs: pages.nowMs() })
            : undefined,
        bottom: isConfigured ? [connectBankCard(t)] : [],
      };
    },
    timelineKinds: Object.keys(britishSageTexts.sage.timeline).map((key) =>
      key.startsWith(`${statusKind}_`) ? statusKind : key,
    ),
    timelineText: (pages, { kind, status }) => {
      const key = kind === statusKind ? `${statusKind}_${status ?? ''}` : kind;
      return Object.entries(withSageTexts(pages.t).sage.timeline).find(([known]) => known === key)?.[1];
    },
  };
}

/** Entries of this kind have a text for each status that the account took. */
const statusKind = 'sage_account_status';

/** Pages below /status/sage: the customer's accounts at other banks. */
function createSagePages(pages: SagePages): Router {
  const router = Router({ caseSensitive: true });
  const show = (path: string, handler: SageHandler) => router.get(path, showing(pages, handler));
  const post = (path: string, handler: SageHandler) => router.post(path, formBody(), doing(pages, handler));
  // The only page with an image of its own: the captcha, as a data URL.
  router.use('/begin', pageHeaders(pages.config, { framedBy: 'nobody', images: 'inline' }));
  show('/begin', showOnboarding);
  post('/begin/:onboardingId/captcha', takeCaptcha);
  show('/connect', showBankSearch);
  post('/connect', searchBanks);
  show('/connect/:searchId', showBanks);
  show('/connect/:searchId/:bankId', showBeginLink);
  post('/connect/:searchId/:bankId', beginLink);
  show('/links/:linkId', showLink);
  post('/links/:linkId/again', beginLinkAgain);
  show('/reprocesses/:reprocessId', showReprocess);
  mountAccount({ show, post });
  return router;
}

type Mount = (path: string, handler: SageHandler) => void;

function mountAccount({ show, post }: { show: Mount; post: Mount }): void {
  const account = '/accounts/:sageAccountId';
  show(account, showAccount);
  post(`${account}/reauthorise`, reauthorize);
  show(`${account}/disconnect`, askToDisconnect);
  post(`${account}/disconnect`, disconnect);
  post(`${account}/reprocess`, reprocess);
  show(`${account}/restore`, showRestorable);
  post(`${account}/restore`, restoreRules);
  show(`${account}/restore/:ruleId/delete`, askToDeleteRestorable);
  post(`${account}/restore/:ruleId/delete`, deleteRestorable);
  show(`${account}/restored/:commandId`, showRestored);
  show(`${account}/further`, showFurtherAccounts);
  post(`${account}/further`, linkFurtherAccount);
  show(`${account}/rules`, showRules);
  show(`${account}/new-rule`, showNewRule);
  post(`${account}/new-rule`, workOnNewRule);
  show(`${account}/rules/:ruleId`, showRule);
  post(`${account}/rules/:ruleId`, workOnOldRule);
  post(`${account}/rules/:ruleId/move`, moveRule);
  show(`${account}/rules/:ruleId/delete`, askToDeleteRule);
  post(`${account}/rules/:ruleId/delete`, deleteRule);
  show(`${account}/rule-orders/:commandId`, showRuleOrder);
}
