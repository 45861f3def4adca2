import type { SageAccountRow } from '../../db/sage-banking/accounts.js';
import { sageAuthorisationOf } from '../../db/sage-banking/authorisation.js';
import type { StoredSageTransaction } from '../../db/sage-banking/transactions.js';
import { html } from '../html.js';
import type { Html } from '../html.js';
import { printCount } from '../time-text.js';
import { accountFacts } from './account-facts.js';
import { accountStanding } from './account-standing.js';
import { safeAddress } from './safe-address.js';
import type { SageVisit } from './context.js';
import { orderFields } from './context.js';
import { backToFeeds, linkButton } from './page.js';
import { sagePaths } from './paths.js';
import { transactionList } from './transactions-view.js';

export interface AccountView {
  readonly account: SageAccountRow;
  readonly transactions: readonly StoredSageTransaction[];
  /** Corrected transactions and removals are among them. */
  readonly withCorrected: boolean;
  /** In which days and times are printed; null: UTC. */
  readonly timeZone: string | null;
  /** The account that replaced this cancelled one. */
  readonly successorId: string | null;
  readonly alert?: string;
}

/** One account: its status, the next steps, and its last transactions with their suggestions. */
export function accountMain(visit: SageVisit, view: AccountView): Html {
  const { t } = visit.pages;
  const { account } = view;
  const facts = { ...account, isDisconnecting: isDisconnecting(account) };
  const { label, tone, advice, failure } = accountStanding(t, facts, visit.pages.nowMs());
  return html`<section class="card">
      <div class="row">
        <h1>
          <bdi>${account.name}</bdi>
          ${account.numberLast4 !== null && html`<span class="digits">${t.status.account(account.numberLast4)}</span>`}
        </h1>
        <span class="state ${tone}">${label}</span>
      </div>
      <p class="soft"><bdi>${account.bankName}</bdi></p>
      <p>${advice}</p>
      ${failure !== undefined && html`<div class="note"><p>${failure}</p></div>`}
      ${isDisconnecting(account) && html`<div class="note" role="status"><p>${t.sage.account.disconnecting}</p></div>`}
      ${relatives(visit, view)} ${!isDisconnecting(account) && authorisation(visit, account)}
      ${accountFacts(t, shownFacts(view))} ${accountActions(visit, account)}
    </section>
    ${transactionsCard(visit, view)}
    <div class="actions">${backToFeeds(visit)}</div>`;
}

/** The account as its facts are shown: corrected transactions are not counted. */
function shownFacts({ account, timeZone }: AccountView): Parameters<typeof accountFacts>[1] {
  const { balances } = account;
  return {
    ...account,
    timeZone,
    received: account.received - account.receivedCorrected,
    ledger: { amount: balances?.ledger ?? null, date: balances?.ledgerDate ?? null },
    available: { amount: balances?.available ?? null, date: balances?.availableDate ?? null },
  };
}

/** Links to the predecessor and the successor of an account. */
function relatives({ pages: { t } }: SageVisit, { account, successorId }: AccountView): Html | undefined {
  if (successorId !== null) {
    return html`<div class="note">
      <p>
        ${t.sage.account.successor}
        <a href="${sagePaths.account(successorId)}">${t.sage.account.openSuccessor}</a>
      </p>
    </div>`;
  }
  if (account.predecessorId === null || account.status === 'cancelled') return undefined;
  return html`<div class="note">
    <p>${t.sage.account.predecessor} ${t.sage.link.restoreLead}</p>
    <p><a href="${sagePaths.restore(account.sageAccountId)}">${t.sage.link.restore}</a></p>
  </div>`;
}

/** Its cancellation was requested, so nothing else can be started. */
export function isDisconnecting({ cancelRequestedAt, status }: SageAccountRow): boolean {
  return cancelRequestedAt !== null && status !== 'cancelled';
}

/** The authorisation that a direct bank requires: a form to sign, a site, or instructions, in members that Sage chooses. */
function authorisation(
  { pages: { t, keyring, config } }: SageVisit,
  account: SageAccountRow,
): Html | undefined {
  const wanted = sageAuthorisationOf(keyring, account) ?? {};
  const texts = t.sage.account;
  const addresses = Object.entries(wanted).flatMap(([name, value]) => {
    const safe = safeAddress(value, config);
    return safe === null ? [] : [{ ...safe, isForm: /form/i.test(name) }];
  });
  const { instructions } = wanted;
  if (addresses.length === 0 && typeof instructions !== 'string') {
    // A direct bank has no button, and Sage gives no instructions: the customer has to ask the bank.
    const isStuck = account.status === 'authRequired' && account.dataProvider === 'direct';
    return isStuck ? html`<div class="note"><p>${texts.askBank(account.bankName)}</p></div>` : undefined;
  }
  return html`<div class="note">
    <p><strong>${texts.authorisation}</strong></p>
    ${typeof instructions === 'string' && html`<p>${instructions}</p>`}
    ${addresses.map(
      ({ address, host, isForm }) =>
        html`<p>
            <a href="${address}" target="_blank" rel="noopener noreferrer"
              >${isForm ? texts.form : texts.site}</a
            >
            ${texts.onHost(host)} (${t.sage.link.waiting.newWindow})
          </p>
          ${isForm && html`<p class="small">${texts.formHint}</p>`}`,
    )}
  </div>`;
}

function accountActions(visit: SageVisit, account: SageAccountRow): Html | undefined {
  const { t } = visit.pages;
  const { sageAccountId, status } = account;
  if (status === 'cancelled' || isDisconnecting(account)) return undefined;
  return html`<div class="actions">
    ${
      status === 'authRequired' &&
      account.dataProvider === 'indirect' &&
      html`<form method="post" action="${sagePaths.reauthorize(sageAccountId)}">
        ${orderFields(visit)}
        <button type="submit">${t.sage.account.reauthorize}</button>
      </form>`
    }
    ${linkButton(sagePaths.rules(sageAccountId), t.sage.account.rules)}
    ${linkButton(sagePaths.restore(sageAccountId), t.sage.account.restore)}
    ${account.dataProvider === 'indirect' && linkButton(sagePaths.further(sageAccountId), t.sage.further.link)}
    ${linkButton(sagePaths.disconnect(sageAccountId), t.sage.account.disconnect)}
  </div>`;
}

function transactionsCard(visit: SageVisit, view: AccountView): Html {
  const { account, transactions, alert } = view;
  const { t } = visit.pages;
  const texts = t.sage.account;
  if (transactions.length === 0) {
    return html`<section class="card">
      <h2 class="first">${texts.transactions}</h2>
      <p class="soft">${texts.noTransactions}</p>
      ${correctedLink(visit, view)}
    </section>`;
  }
  const boxes = account.status !== 'cancelled' && !isDisconnecting(account);
  const list = transactionList(visit, {
    transactions,
    currency: account.currency,
    boxes,
    timeZone: view.timeZone,
  });
  return html`<section class="card" id="transactions">
    <h2 class="first">${texts.transactions}</h2>
    <p class="soft small">${texts.suggestionNote} ${texts.shownLast(printCount(t, transactions.length))}</p>
    ${transactions.some(({ unrecognizedMembers }) => unrecognizedMembers.length > 0) && html`<div class="note"><p>${texts.unrecognized}</p></div>`}
    ${correctedLink(visit, view)}
    ${alert !== undefined && html`<div class="alert" role="alert"><p>${alert}</p></div>`}
    ${
      boxes
        ? html`<form method="post" action="${sagePaths.reprocess(account.sageAccountId)}">
            ${orderFields(visit)} ${list}
            <p class="soft small">${t.sage.reprocess.lead}</p>
            <div class="actions">
              <button type="submit" name="of" value="ticked">${t.sage.reprocess.ticked}</button>
              <button type="submit" name="of" value="all" class="quiet">${t.sage.reprocess.all}</button>
            </div>
          </form>`
        : list
    }
  </section>`;
}

/** Switches corrected transactions on and off, where there are any. */
function correctedLink(
  { pages: { t } }: SageVisit,
  { account, withCorrected }: AccountView,
): Html | undefined {
  if (account.receivedCorrected === 0) return undefined;
  const path = sagePaths.account(account.sageAccountId);
  const texts = t.sage.account.corrected;
  return withCorrected
    ? html`<p class="small"><a href="${path}#transactions">${texts.hide}</a></p>`
    : html`<p class="small"><a href="${path}?include=corrected#transactions">${texts.show}</a></p>`;
}
