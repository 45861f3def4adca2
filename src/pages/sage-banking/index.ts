import { Router } from 'express';
import { formBody } from '../form.js';
import { pageHeaders } from '../page-headers.js';
import { askToDisconnect, disconnect, reauthorise, showAccount } from './account.js';
import { searchBanks, showBanks, showBankSearch } from './bank-search.js';
import { beginLink, showBeginLink } from './begin-link.js';
import { beginLinkAgain, showLink } from './link-progress.js';
import { showOnboarding, takeCaptcha } from './onboarding.js';
import { reprocess, showReprocess } from './reprocess.js';
import { restoreRules, showRestorable, showRestored } from './restore.js';
import { showRuleOrder } from './rule-order.js';
import { askToDeleteRule, deleteRule, moveRule, showRules } from './rules.js';
import type { SageHandler, SagePages } from './context.js';
import { doing, showing } from './context.js';
import { showNewRule, showRule, workOnNewRule, workOnOldRule } from './save-rule.js';

/** The customer's accounts at other banks by Sage's Banking Service, below /status/sage. */
export function createSagePages(pages: SagePages): Router {
  const router = Router({ caseSensitive: true });
  const show = (path: string, handler: SageHandler) => router.get(path, showing(pages, handler));
  const take = (path: string, handler: SageHandler) => router.post(path, formBody(), doing(pages, handler));
  // Only here stands a captcha in the page itself: the captcha.
  router.use('/begin', pageHeaders(pages.config, { framedBy: 'nobody', images: 'inline' }));
  show('/begin', showOnboarding);
  take('/begin/:onboardingId/captcha', takeCaptcha);
  show('/connect', showBankSearch);
  take('/connect', searchBanks);
  show('/connect/:searchId', showBanks);
  show('/connect/:searchId/:bankId', showBeginLink);
  take('/connect/:searchId/:bankId', beginLink);
  show('/links/:linkId', showLink);
  take('/links/:linkId/again', beginLinkAgain);
  show('/reprocesses/:reprocessId', showReprocess);
  mountAccount({ show, take });
  return router;
}

type Mount = (path: string, handler: SageHandler) => void;

function mountAccount({ show, take }: { show: Mount; take: Mount }): void {
  const account = '/accounts/:sageAccountId';
  show(account, showAccount);
  take(`${account}/reauthorise`, reauthorise);
  show(`${account}/disconnect`, askToDisconnect);
  take(`${account}/disconnect`, disconnect);
  take(`${account}/reprocess`, reprocess);
  show(`${account}/restore`, showRestorable);
  take(`${account}/restore`, restoreRules);
  show(`${account}/restored/:commandId`, showRestored);
  show(`${account}/rules`, showRules);
  show(`${account}/new-rule`, showNewRule);
  take(`${account}/new-rule`, workOnNewRule);
  show(`${account}/rules/:ruleId`, showRule);
  take(`${account}/rules/:ruleId`, workOnOldRule);
  take(`${account}/rules/:ruleId/move`, moveRule);
  show(`${account}/rules/:ruleId/delete`, askToDeleteRule);
  take(`${account}/rules/:ruleId/delete`, deleteRule);
  show(`${account}/rule-orders/:commandId`, showRuleOrder);
}
