import type { StoredSageTransaction } from '../../db/sage-transactions.js';
import { html } from '../html.js';
import type { Html } from '../html.js';
import { printTransactionAmount } from './print-amount.js';
import type { SageVisit } from './sage-context.js';
import { suggestionLines } from './suggestions.js';

/** Name of the boxes that choose transactions for a run of the rules. */
export const transactionFieldName = 'transaction_id';

/** Transactions with what is suggested for each; with a box each where some are to be chosen. */
export function transactionList(
  visit: SageVisit,
  input: { transactions: readonly StoredSageTransaction[]; currency: string | null; boxes: boolean },
): Html {
  return html`<ul class="plain">
    ${input.transactions.map((transaction) => transactionLine(visit, { ...input, transaction }))}
  </ul>`;
}

function transactionLine(
  visit: SageVisit,
  {
    transaction,
    currency,
    boxes,
  }: { transaction: StoredSageTransaction; currency: string | null; boxes: boolean },
): Html {
  const { t } = visit.pages;
  const { transactionId, body } = transaction;
  const date = textOf(body.datePosted).slice(0, 'YYYY-MM-DD'.length);
  const narrative = textOf(body.transactionNarrative);
  const suggested = suggestionLines(visit, transaction.predictedActions);
  return html`<li class="line">
    ${
      boxes &&
      html`<input
        type="checkbox"
        name="${transactionFieldName}"
        value="${transactionId}"
        aria-label="${t.sage.account.pick(date, narrative)}"
      />`
    }
    <time>${date}</time>
    <span class="text"><bdi>${narrative}</bdi></span>
    <span class="amount">${printTransactionAmount(t, body, currency)}</span>
    <span class="suggested"
      >${
        suggested.length === 0
          ? t.sage.account.noSuggestion
          : suggested.map((line) => html`${t.sage.account.suggestion}: <bdi>${line}</bdi><br />`)
      }</span
    >
  </li>`;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
