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
import { orderFields } from './context.js';
import { sendSagePage, wayTo } from './page.js';
import { sagePaths } from './paths.js';

/** A page of transactions is checked, not searched: all of them are in Sage. */
const shownTransactions = 50;
/** Addresses of forms are good for an hour; one that was fetched longer ago may be spent while somebody fills it in. */
const authorisationFreshMs = 30 * 60_000;

/** `GET /status/sage/accounts/<account>`. */
export async function showAccount(visit: SageVisit): Promise<void> {
  const account = await requireOwnAccount(visit);
  await renewAuthorisation(visit, account);
  await sendAccount(visit, account, {});
}

/** With the check a form whose address may be spent a new one is fetched: the next load of the page shows it. */
async function renewAuthorisation({ pages }: SageVisit, account: SageAccountRow): Promise<void> {
  const { sageAccountId, dataProvider, status, lastReadAt } = account;
  const isAwaited = dataProvider === 'direct' && (status === 'pending' || status === 'authRequired');
  if (!isAwaited || Date.now() - Date.parse(lastReadAt ?? account.createdAt) < authorisationFreshMs) return;
  try {
    await pages.sage.wakeAccount({ sageAccountId });
  } catch (error) {
    if (!(error instanceof WorkflowsUnavailable)) throw error;
    pages.logger.warn({ err: error, sageAccountId }, 'an account was shown without a fresh look');
  }
}

export async function sendAccount(
  visit: SageVisit,
  account: SageAccountRow,
  again: { alert?: string; status?: number },
): Promise<void> {
  const { pool, t } = visit.pages;
  const { sageAccountId } = account;
  const [transactions, siblings] = await Promise.all([
    listNewestTransactions(pool, { sageAccountId, limit: shownTransactions }),
    listSageAccountsOfConnection(pool, account),
  ]);
  const successor = siblings.find(({ predecessorId }) => predecessorId === sageAccountId);
  const { alert, status = 200 } = again;
  const view = { account, transactions, successorId: successor?.sageAccountId ?? null };
  const main = accountMain(visit, { ...view, ...(alert === undefined ? {} : { alert }) });
  sendSagePage(visit, { title: t.sage.account.title, main, wide: true, status });
}

/** `POST …/reauthorise`: the way through the bank's pages once more, for an account whose bank asks for it. */
export async function reauthorise(visit: SageVisit): Promise<void> {
  const account = await requireOwnAccount(visit);
  const isAsked = account.status === 'authRequired' && account.dataProvider === 'indirect';
  if (!isAsked || isDisconnecting(account)) {
    throw new PageProblem(409, visit.pages.t.sage.account.notActive);
  }
  const { connectionId, bankId, bankName, sageAccountId } = account;
  await startLink(visit, {
    ...{ connectionId, purpose: 'reauthorise', bankId, bankName, sageAccountId },
    requestedStartDate: null,
  });
}

/** `GET …/disconnect`: asks once more, and says what it means. */
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
      ${wayTo(sagePaths.account(account.sageAccountId), texts.disconnectKeep)}
    </div>`,
  });
  sendSagePage(visit, { title: texts.disconnect, main });
}

/** `POST …/disconnect`: asks the account's workflow to end it. Asking again is harmless. */
export async function disconnect(visit: SageVisit): Promise<void> {
  const account = await requireOwnAccount(visit);
  const { sageAccountId } = account;
  if (account.status !== 'cancelled') {
    await requestSageCancellation(visit.pages.pool, { sageAccountId });
    await visit.pages.sage.wakeAccount({ sageAccountId });
  }
  seeOther(visit.response, sagePaths.account(sageAccountId));
}
