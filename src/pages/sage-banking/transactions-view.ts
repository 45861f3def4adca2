import type { StoredSageTransaction } from '../../db/sage-banking/transactions.js';
import { readPostedDate } from '../../domain/sage-banking/rules/rule-date.js';
import { html } from '../html.js';
import type { Html } from '../html.js';
import type { SageTexts } from './texts.js';
import { currencyOf, printTransactionAmount } from './print-transaction-amount.js';
import type { SageVisit } from './context.js';
import { suggestionLines } from './suggestions.js';

/** Characters of a narrative that a line shows; those of banks have some hundreds. */
const narrativeCharactersMax = 300;

/** Name of the checkboxes that select transactions for a reprocess run. */
export const transactionFieldName = 'transaction_id';

/** Transactions with their suggestions, and a checkbox each where some can be selected. */
export function transactionList(
  visit: SageVisit,
  input: {
    transactions: readonly StoredSageTransaction[];
    currency: string | null;
    boxes: boolean;
    timeZone: string | null;
  },
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
    timeZone,
  }: {
    transaction: StoredSageTransaction;
    currency: string | null;
    boxes: boolean;
    timeZone: string | null;
  },
): Html {
  const { t } = visit.pages;
  const { transactionId, body } = transaction;
  const { date, narrative } = descriptionOf(body, timeZone);
  const mark = correctionMark(t, transaction);
  const suggested = suggestionLines(visit, transaction.predictedActions, currencyOf(body, currency));
  return html`<li class="line">
    ${
      boxes &&
      isInForce(transaction) &&
      html`<input
        type="checkbox"
        name="${transactionFieldName}"
        value="${transactionId}"
        aria-label="${t.sage.account.pick(date, narrative)}"
      />`
    }
    ${transactionFacts(t, body, { currency, timeZone })}
    ${mark !== undefined && html`<span class="suggested">${mark}</span>`}
    <span class="suggested"
      >${
        suggested.length === 0
          ? t.sage.account.noSuggestion
          : suggested.map((line) => html`${t.sage.account.suggestion}: <bdi>${line}</bdi><br />`)
      }</span
    >
  </li>`;
}

function isInForce({ correctedBy, correctionAction }: StoredSageTransaction): boolean {
  return correctedBy === null && correctionAction !== 'delete';
}

/** What a correction means for this transaction, or this one for an earlier one. */
function correctionMark(t: SageTexts, transaction: StoredSageTransaction): string | undefined {
  const texts = t.sage.account.corrected;
  if (transaction.correctedBy !== null) return texts.notInForce;
  switch (transaction.correctionAction) {
    case 'delete':
      return texts.removes;
    case 'replace':
      return texts.replaces;
    case null:
      return undefined;
  }
}

/** Date, narrative and amount of a transaction, as parts of its line; empty where Sage sent none. */
export function transactionFacts(
  t: SageTexts,
  body: Readonly<Record<string, unknown>>,
  { currency, timeZone }: { currency: string | null; timeZone: string | null },
): Html {
  const { date, narrative } = descriptionOf(body, timeZone);
  return html`<time>${date}</time>
    <span class="text"><bdi>${narrative}</bdi></span>
    <span class="amount">${printTransactionAmount(t, body, currency)}</span>`;
}

/** The day is that of rule previews. */
function descriptionOf(
  body: Readonly<Record<string, unknown>>,
  timeZone: string | null,
): { date: string; narrative: string } {
  const text = (value: unknown) => (typeof value === 'string' ? value : '');
  const posted = body['datePosted'];
  const date = readPostedDate(posted, timeZone)?.day ?? text(posted).slice(0, 'YYYY-MM-DD'.length);
  const characters = Array.from(text(body['transactionNarrative']).slice(0, 2 * narrativeCharactersMax));
  const isLong = characters.length > narrativeCharactersMax;
  return { date, narrative: `${characters.slice(0, narrativeCharactersMax).join('')}${isLong ? '…' : ''}` };
}
