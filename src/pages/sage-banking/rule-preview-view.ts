import type { SageAccountRow } from '../../db/sage-banking/accounts.js';
import type { SageRulePreviewResult, SageRulePreviewSample } from '../../db/sage-banking/command-types.js';
import { readStoredTransactions } from '../../db/sage-banking/transactions.js';
import { html } from '../html.js';
import type { Html } from '../html.js';
import { printCount } from '../time-text.js';
import { printAmount } from '../amount-text.js';
import type { SageVisit } from './context.js';
import { timeZoneOf } from './context.js';
import { transactionFacts } from './transactions-view.js';

/** How many of the matching transactions are shown. */
const shownTransactions = 20;

/** The preview of a rule: how many transactions match, which, how they would be split, and the rules that apply first. */
export async function rulePreviewView(
  visit: SageVisit,
  {
    account,
    result,
    ruleId,
  }: { account: SageAccountRow; result: SageRulePreviewResult; ruleId: string | null },
): Promise<Html> {
  const { t, pool } = visit.pages;
  const texts = t.sage.ruleForm;
  const shownIds = result.transaction_ids.slice(0, shownTransactions);
  const transactions = await readStoredTransactions(pool, {
    sageAccountId: account.sageAccountId,
    transactionIds: shownIds,
  });
  const timeZone = await timeZoneOf(visit);
  const samples = new Map(result.samples.map((sample) => [sample.transaction_id, sample]));
  const checkedCount = printCount(t, result.checked_count);
  return html`<section class="part" id="preview" role="status">
    <h2 class="first">${texts.previewHeading}</h2>
    <p>
      ${result.hits === 0 ? texts.previewNone(checkedCount) : texts.previewSome(printCount(t, result.hits), checkedCount)}
    </p>
    ${besideNotes(visit, result, ruleId)}
    <p class="soft small">${texts.previewNote}</p>
    ${
      transactions.length > 0 &&
      html`${result.hits > transactions.length && html`<p>${texts.previewShown(printCount(t, transactions.length))}</p>`}
        <ul class="plain">
          ${transactions.map(({ transactionId, body }) =>
            hitLine(visit, {
              body,
              currency: account.currency,
              timeZone,
              sample: samples.get(transactionId),
            }),
          )}
        </ul>`
    }
  </section>`;
}

/** Notes: rules of a better rank apply first, and Sage refuses a name that another rule has. */
function besideNotes(
  { pages: { t } }: SageVisit,
  { beside, hits }: SageRulePreviewResult,
  ruleId: string | null,
): Html | undefined {
  if (beside === null) return undefined;
  const texts = t.sage.ruleForm;
  const taken = hits - beside.applied;
  const sameName = beside.same_name_rule_id;
  return html`${taken > 0 && html`<p>${texts.previewTaken(printCount(t, taken))}</p>`}
  ${beside.not_evaluated.length > 0 && html`<p>${texts.previewUnread}</p>`}
  ${sameName !== null && sameName !== ruleId && html`<p>${t.sage.commandProblems.rule_name_taken}</p>`}`;
}

function hitLine(
  { pages: { t } }: SageVisit,
  hit: {
    body: Readonly<Record<string, unknown>>;
    currency: string | null;
    timeZone: string | null;
    sample: SageRulePreviewSample | undefined;
  },
): Html {
  const { body, sample } = hit;
  const shares = sample?.shares.map((share) => printAmount(t, share, sample.currency)).join(' + ');
  return html`<li class="line">
    ${transactionFacts(t, body, hit)}
    ${
      sample !== undefined &&
      sample.amount !== null &&
      html`<span class="suggested">
        ${sample.taken_by === null ? t.sage.ruleForm.previewShares(shares ?? '') : t.sage.ruleForm.previewTakenFirst}
      </span>`
    }
  </li>`;
}
