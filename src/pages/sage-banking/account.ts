import { requestSageCancellation } from '../../db/sage-banking/account-life.js';
import type { SageAccountRow } from '../../db/sage-banking/accounts.js';
import { listSageAccountsOfConnection } from '../../db/sage-banking/accounts.js';
import { listNewestTransactions } from '../../db/sage-banking/transactions.js';
import { WorkflowsUnavailable } from '../../temporal/calls.js';
import { html } from '../html.js';
import { messageMain } from '../layout.js';
import { PageProblem, seeOther } from '../page-problem.js';
import { accountMain, isDisconnecting } from './account-view.js';
import { startLink } from './link-progress.js';
import { requireOwnAccount } from './own-account.js';
import type { SageVisit } from './context.js';
import { orderFields, timeZoneOf } from './context.js';
import { sendSagePage, linkButton } from './page.js';
import { sagePaths } from './paths.js';

/** The page shows the newest transactions only: all of them are in Sage. */
const shownTransactions = 50;
/** URLs of forms are valid for an hour; an older one may expire while somebody fills in the form. */
const authorisationFreshMs = 30 * 60_000;

/** `GET /status/sage/accounts/<account>`. */
export async function showAccount(visit: SageVisit): Promise<void> {
  const account = await requireOwnAccount(visit);
  await renewAuthorisation(visit, account);
  await sendAccount(visit, account, {});
}

/** Requests a check when the form's URL may have expired: the next load of the page shows the new one. */
async function renewAuthorisation({ pages }: SageVisit, account: SageAccountRow): Promise<void> {
  const { sageAccountId, dataProvider, status, lastReadAt } = account;
  const isAwaited = dataProvider === 'direct' && (status === 'pending' || status === 'authRequired');
  if (!isAwaited || pages.nowMs() - Date.parse(lastReadAt ?? account.createdAt) < authorisationFreshMs)
    return;
  try {
    await pages.sage.wakeAccount({ sageAccountId });
  } catch (error) {
    if (!(error instanceof WorkflowsUnavailable)) throw error;
    pages.logger.warn({ err: error, sageAccountId }, 'account shown without a new check');
  }
}

export async function sendAccount(
  visit: SageVisit,
  account: SageAccountRow,
  again: { alert?: string; status?: number },
): Promise<void> {
  const { pool, t } = visit.pages;
  const { sageAccountId } = account;
  const withCorrected = visit.request.query.include === 'corrected';
  const [transactions, siblings, timeZone] = await Promise.all([
    listNewestTransactions(pool, {
      sageAccountId,
      limit: shownTransactions,
      scope: withCorrected ? 'all' : 'in_force',
    }),
    listSageAccountsOfConnection(pool, account),
    timeZoneOf(visit),
  ]);
  const successor = siblings.find(({ predecessorId }) => predecessorId === sageAccountId);
  const { alert, status = 200 } = again;
  const view = {
    account,
    transactions,
    withCorrected,
    timeZone,
    successorId: successor?.sageAccountId ?? null,
  };
  const main = accountMain(visit, { ...view, ...(alert === undefined ? {} : { alert }) });
  sendSagePage(visit, { title: t.sage.account.title, main, wide: true, status });
}

/** `POST …/reauthorise`: starts another bank consent, for an account whose bank requires it. */
export async function reauthorize(visit: SageVisit): Promise<void> {
  const account = await requireOwnAccount(visit);
  const isAsked = account.status === 'authRequired' && account.dataProvider === 'indirect';
  if (!isAsked || isDisconnecting(account)) {
    throw new PageProblem(409, visit.pages.t.sage.account.notActive);
  }
  const { connectionId, bankId, bankName, sageAccountId } = account;
  await startLink(visit, {
    connectionId,
    purpose: 'reauthorise',
    bankId,
    bankName,
    sageAccountId,
    requestedStartDate: null,
  });
}

/** `GET …/disconnect`: asks for confirmation and explains the consequences. */
export async function askToDisconnect(visit: SageVisit): Promise<void> {
  const account = await requireOwnAccount(visit);
  const { t } = visit.pages;
  const texts = t.sage.account;
  const main = messageMain({
    heading: texts.disconnectQuestion(account.name),
    paragraphs: texts.disconnectExplained,
    more: html`<div class="actions">
      <form method="post" action="${sagePaths.disconnect(account.sageAccountId)}">
        ${orderFields(visit)}
        <button type="submit" class="danger">${texts.disconnectConfirm}</button>
      </form>
      ${linkButton(sagePaths.account(account.sageAccountId), texts.disconnectKeep)}
    </div>`,
  });
  sendSagePage(visit, { title: texts.disconnect, main });
}

/** `POST …/disconnect`: requests the cancellation. Repeating it is harmless. */
export async function disconnect(visit: SageVisit): Promise<void> {
  const account = await requireOwnAccount(visit);
  const { sageAccountId } = account;
  if (account.status !== 'cancelled') {
    await requestSageCancellation(visit.pages.pool, { sageAccountId });
    await visit.pages.sage.wakeAccount({ sageAccountId });
  }
  seeOther(visit.response, sagePaths.account(sageAccountId));
}
