import type { AccountRow } from '../../db/accounts.js';
import type { ListedConnection } from '../../db/listed-connections.js';
import { handoffLimits } from '../../domain/rutter/handoff-limits.js';
import { csrfFieldName } from '../form.js';
import { html } from '../html.js';
import type { Html } from '../html.js';
import { alertBox } from '../sign-in/sign-in-form.js';
import type { RutterTexts } from './texts.js';
import { printCount, printDate } from '../time-text.js';
import type { ConnectionChoice } from './connection-choice.js';
import { newConnectionValue } from './connection-choice.js';

/** The field that the button `Select all` sends; any other submission of the form shares what is ticked. */
export const selectField = 'select';

export interface AccountsView {
  readonly action: string;
  readonly formToken: string;
  readonly customerName: string;
  readonly accounts: readonly AccountRow[];
  /** There are accounts that the page does not show. */
  readonly areMore: boolean;
  /** Ids of the ticked accounts. */
  readonly ticked: ReadonlySet<string>;
  readonly choice: ConnectionChoice;
  /** Value of the chosen radio button; by default the company that was connected last. */
  readonly chosen: string | undefined;
  readonly alert?: string;
  /** The customer's, in which days are printed; null: UTC. */
  readonly timeZone: string | null;
}

/** Everything that the customer agrees to, on one page: the recipient, the data, the Sage company and the accounts. */
export function accountsMain(t: RutterTexts, view: AccountsView): Html {
  return html`<div class="card">
    <h1>${t.accounts.heading}</h1>
    <p class="soft">${t.status.signedInAs} <bdi>${view.customerName}</bdi></p>
    ${alertBox(view.alert)}
    <div class="note">
      <p>${t.accounts.receiverHeading}: <strong>${t.accounts.receiver}</strong></p>
      <p class="small">${t.accounts.receiverDetail}</p>
      <p class="small"><strong>${t.accounts.warning}</strong></p>
    </div>
    <form method="post" action="${view.action}">
      <input type="hidden" name="${csrfFieldName}" value="${view.formToken}" />
      ${view.choice.ask && companyQuestion(t, view, view.choice.linked)}
      <fieldset>
        <legend>${t.accounts.accountsLegend}</legend>
        ${view.areMore && html`<p class="note">${t.accounts.more(printCount(t, handoffLimits.offeredAccountsMax))}</p>`}
        ${selectAll(t)}
        ${view.accounts.map((account, index) => accountBox(t, { account, index, ticked: view.ticked }))}
      </fieldset>
      <div class="last"><button type="submit" class="full">${t.accounts.button}</button></div>
    </form>
  </div>`;
}

/** The form again with every account ticked: the server prints it, so it needs no script. Nothing is shared by it. */
function selectAll(t: RutterTexts): Html {
  return html`<button type="submit" class="quiet slim" name="${selectField}" value="all" formnovalidate>
    ${t.accounts.selectAll}
  </button>`;
}

/** The label has only the account's name and last four characters; kind and currency are a hint beside it. */
function accountBox(
  t: RutterTexts,
  box: { account: AccountRow; index: number; ticked: ReadonlySet<string> },
): Html {
  const { account, index } = box;
  return html`<div class="choice">
    <input
      type="checkbox"
      name="account"
      id="account-${index}"
      value="${account.accountId}"
      aria-describedby="account-${index}-kind"
      ${box.ticked.has(account.accountId) && html`checked`}
    />
    <label for="account-${index}"><bdi>${account.name}</bdi> ${lastDigits(account)}</label>
    <span class="hint" id="account-${index}-kind"
      >${t.accounts.kinds[account.type]}, ${account.currency}</span
    >
  </div>`;
}

/** Of the number; of the IBAN when the account has no number. */
function lastDigits({ numberLast4, ibanLast4 }: AccountRow): Html | undefined {
  const digits = numberLast4 ?? ibanLast4;
  if (digits === null) return undefined;
  return html`<span class="digits masked">${digits}</span>`;
}

function companyQuestion(
  t: RutterTexts,
  { chosen, timeZone }: AccountsView,
  linked: readonly ListedConnection[],
): Html {
  const preset = chosen ?? linked[0]?.connectionId;
  const options = linked.map((connection) => {
    const date = printDate(t, connection.createdAt, timeZone);
    return {
      value: connection.connectionId,
      label: t.accounts.reconnect(connection.name ?? t.accounts.connectedOn(date)),
      hint: connection.name === null ? undefined : t.accounts.connectedHint(date),
    };
  });
  const all = [
    ...options,
    { value: newConnectionValue, label: t.accounts.newCompany, hint: t.accounts.newCompanyHint },
  ];
  return html`<fieldset>
    <legend>${t.accounts.companyLegend}</legend>
    ${all.map(
      ({ value, label, hint }, index) =>
        html`<div class="choice">
          <input
            type="radio"
            name="connection"
            id="company-${index}"
            value="${value}"
            required
            ${value === preset && html`checked`}
          />
          <label for="company-${index}"><bdi>${label}</bdi></label>
          ${hint && html`<span class="hint">${hint}</span>`}
        </div>`,
    )}
  </fieldset>`;
}
