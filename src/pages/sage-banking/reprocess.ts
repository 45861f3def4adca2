import { readSageAccount } from '../../db/sage-banking/accounts.js';
import type { SageReprocessRow } from '../../db/sage-banking/reprocesses.js';
import { beginSageReprocess, readSageReprocess } from '../../db/sage-banking/reprocesses.js';
import { listNewestTransactions, readStoredTransactions } from '../../db/sage-banking/transactions.js';
import { sageReprocessLimits } from '../../domain/sage-banking/reprocess.js';
import { readField, readFields } from '../form.js';
import { html } from '../html.js';
import { PageProblem, seeOther } from '../page-problem.js';
import { printCount } from '../time-text.js';
import { isDisconnecting } from './account-view.js';
import { sendAccount } from './account.js';
import { requireOwnAccount } from './own-account.js';
import type { SageVisit } from './context.js';
import { notFoundProblem, readOrderId, requireUuid, timeZoneOf } from './context.js';
import { sendSageMessage, sendSagePage, sendWaiting, linkButton } from './page.js';
import { sagePaths } from './paths.js';
import { transactionFieldName, transactionList } from './transactions-view.js';

/** How many transactions of a run are shown: the newest. */
const shownTransactions = 50;
/** Added to the address of a run that prevented another one from starting. */
const notBegunQuery = '?other=1';
const transactionIdPattern = /^[1-9]\d{0,14}$/;

/** `POST /status/sage/accounts/<account>/reprocess`: the account's rules over the ticked transactions, or over all pending ones. */
export async function reprocess(visit: SageVisit): Promise<void> {
  const { pages, request, customer } = visit;
  const { t } = pages;
  const account = await requireOwnAccount(visit);
  const reprocessId = readOrderId(visit);
  const transactionIds = readField(request, t, 'of') === 'all' ? null : readTicked(visit);
  if (transactionIds?.length === 0) {
    return await sendAccount(visit, account, { alert: t.sage.reprocess.noneTicked, status: 422 });
  }
  if (account.status === 'cancelled' || isDisconnecting(account)) {
    throw new PageProblem(409, t.sage.reprocess.closed);
  }
  const { sageAccountId } = account;
  const begun = await beginSageReprocess(pages.pool, {
    reprocessId,
    sageAccountId,
    customerId: customer.customerId,
    transactionIds,
  });
  switch (begun.outcome) {
    case 'begun':
      if (begun.reprocess.sageAccountId !== sageAccountId) throw new PageProblem(400, t.problems.badForm);
      await pages.sage.startReprocess({ reprocessId });
      return seeOther(visit.response, sagePaths.reprocessing(reprocessId));
    case 'running':
      // One run at a time: the page shows the current run and says that the requested one was not started.
      return seeOther(visit.response, `${sagePaths.reprocessing(begun.reprocessId)}${notBegunQuery}`);
    case 'unknown_ids':
      throw new PageProblem(400, t.problems.badForm);
    default:
      return begun satisfies never;
  }
}

function readTicked({ pages: { t }, request }: SageVisit): number[] {
  const ids = readFields(request, transactionFieldName);
  if (ids.length > sageReprocessLimits.idsMax || !ids.every((id) => transactionIdPattern.test(id))) {
    throw new PageProblem(400, t.problems.badForm);
  }
  return [...new Set(ids.map(Number))];
}

/** `GET /status/sage/reprocesses/<run>`: the progress of the run, then the new suggestions. */
export async function showReprocess(visit: SageVisit): Promise<void> {
  const { pool, t } = visit.pages;
  const run = await readSageReprocess(pool, { reprocessId: requireUuid(visit, 'reprocessId') });
  if (run?.customerId !== visit.customer.customerId) throw notFoundProblem(visit);
  const texts = t.sage.reprocess;
  const isOther = visit.request.query.other === '1';
  const notBegun = isOther ? texts.notBegun : undefined;
  switch (run.state) {
    case 'running':
      return sendWaiting(visit, {
        title: texts.title,
        heading: texts.running.heading,
        ...(notBegun === undefined ? {} : { note: notBegun }),
        lead: `${texts.running.progress(printCount(t, run.doneCount), printCount(t, run.total))} ${texts.starting}`,
        path: `${sagePaths.reprocessing(run.reprocessId)}${isOther ? notBegunQuery : ''}`,
      });
    case 'failed':
      return sendSageMessage(visit, {
        message: {
          heading: texts.failed.heading,
          paragraphs: [
            ...(run.reason === null ? [] : [texts.reasons[run.reason]]),
            ...texts.failed.paragraphs,
            ...(notBegun === undefined ? [] : [notBegun]),
          ],
        },
        backLink: linkButton(sagePaths.account(run.sageAccountId), t.sage.backToAccount),
      });
    case 'done':
      return await sendDone(visit, run, notBegun);
    default:
      return run.state satisfies never;
  }
}

async function sendDone(visit: SageVisit, run: SageReprocessRow, notBegun?: string): Promise<void> {
  const { pool, t } = visit.pages;
  const { sageAccountId } = run;
  const texts = t.sage.reprocess;
  const account = await readSageAccount(pool, { sageAccountId });
  const transactions =
    run.transactionIds === null
      ? await listNewestTransactions(pool, { sageAccountId, limit: shownTransactions })
      : await readStoredTransactions(pool, {
          sageAccountId,
          transactionIds: run.transactionIds.slice(-shownTransactions),
        });
  const timeZone = await timeZoneOf(visit);
  const shown = { transactions, currency: account?.currency ?? null, boxes: false, timeZone };
  const main = html`<div class="card">
    <h1>${texts.doneHeading}</h1>
    <div class="good" role="status"><p>${texts.done(run.doneCount, printCount(t, run.doneCount))}</p></div>
    ${notBegun !== undefined && html`<div class="note"><p>${notBegun}</p></div>`}
    <p class="soft small">${t.sage.account.suggestionNote}</p>
    ${transactionList(visit, shown)}
    <div class="actions">${linkButton(sagePaths.account(sageAccountId), t.sage.backToAccount)}</div>
  </div>`;
  sendSagePage(visit, { title: texts.doneHeading, main, wide: true });
}
