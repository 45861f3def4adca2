import type { SageAccountRow } from '../../db/sage-banking/accounts.js';
import { insertCandidateLink } from '../../db/sage-banking/bank-link-account.js';
import { readSageLink } from '../../db/sage-banking/bank-links.js';
import type { SageCandidatesResult } from '../../db/sage-banking/command-types.js';
import { dayMs, limits } from '../../domain/limits.js';
import { latestDayAnywhere } from '../../domain/booking-day.js';
import { readStartDate } from '../../domain/sage-banking/start-date.js';
import { idProblem } from '../../domain/text.js';
import { readField } from '../form.js';
import { html } from '../html.js';
import type { Html } from '../html.js';
import { messageMain } from '../layout.js';
import { PageProblem, seeOther } from '../page-problem.js';
import { startDateFault } from './begin-link-form.js';
import type { SageVisit } from './context.js';
import { orderFields, readOrderId } from './context.js';
import { radioField, textField } from './fields.js';
import { sendSagePage, linkButton } from './page.js';
import { sagePaths } from './paths.js';
import { readCandidates } from './read-rules.js';
import { requireConnected } from './rules.js';

/** The default start date: most banks provide about this much history. */
const defaultDaysBack = 90;
/** Members of an account that Sage may name it by; which there are is not documented. */
const nameMembers = ['accountName', 'name', 'accountIdentifier'] as const;

interface FurtherForm {
  readonly candidateId: string;
  readonly startDate: string;
  readonly problems: { readonly candidate?: string; readonly startDate?: string };
}

/** `GET /status/sage/accounts/<account>/further`: accounts that the bank has granted with this one. */
export async function showFurtherAccounts(visit: SageVisit): Promise<void> {
  const account = await requireIndirect(visit);
  const startDate = new Date(Date.now() - defaultDaysBack * dayMs)
    .toISOString()
    .slice(0, 'YYYY-MM-DD'.length);
  await sendFurther(visit, account, { candidateId: '', startDate, problems: {} });
}

/** `POST` the same: connects the chosen one, once under the form's id. */
export async function linkFurtherAccount(visit: SageVisit): Promise<void> {
  const { pages, customer } = visit;
  const { t } = pages;
  const account = await requireIndirect(visit);
  const linkId = readOrderId(visit);
  const candidateId = readField(visit.request, t, 'candidate');
  const startDate = readField(visit.request, t, 'start_date').trim();
  const problems = {
    ...(idProblem(candidateId, limits.idLengthMax) === null ? {} : { candidate: t.sage.further.noneChosen }),
    ...(startDateFault(startDate) === null ? {} : { startDate: t.sage.further.dateWrong }),
  };
  const read = readStartDate(startDate, Date.now());
  if (Object.keys(problems).length > 0 || !('instant' in read)) {
    return await sendFurther(visit, account, { candidateId, startDate, problems });
  }
  const { keyring } = pages;
  const requestedStartDate = read.instant;
  await insertCandidateLink(pages.pool, { keyring, linkId, account, candidateId, requestedStartDate });
  const link = await readSageLink(pages.pool, { linkId });
  if (link?.customerId !== customer.customerId || link.purpose !== 'candidate') {
    throw new PageProblem(400, t.problems.badForm);
  }
  await pages.sage.startLink({ linkId });
  seeOther(visit.response, sagePaths.link(linkId));
}

/** A connected account of an indirect bank: only there a consent covers further ones. @throws {PageProblem} 404, 409 */
async function requireIndirect(visit: SageVisit): Promise<SageAccountRow> {
  const account = await requireConnected(visit);
  if (account.dataProvider !== 'indirect') throw new PageProblem(409, visit.pages.t.sage.further.direct);
  return account;
}

async function sendFurther(visit: SageVisit, account: SageAccountRow, form: FurtherForm): Promise<void> {
  const { t } = visit.pages;
  const texts = t.sage.further;
  const { sageAccountId } = account;
  const accounts = await readCandidates(visit, account, sagePaths.further(sageAccountId));
  if (accounts === null) return;
  const open = accounts.filter(({ connected }) => !connected);
  const back = linkButton(sagePaths.account(sageAccountId), t.sage.backToAccount);
  const main =
    open.length === 0
      ? messageMain({
          heading: texts.title,
          paragraphs: [texts.none],
          more: html`<div class="actions">${back}</div>`,
        })
      : furtherForm(visit, { account, open, form, back });
  const hasProblem = Object.keys(form.problems).length > 0;
  sendSagePage(visit, { title: texts.title, main, status: hasProblem ? 422 : 200 });
}

function furtherForm(
  visit: SageVisit,
  input: { account: SageAccountRow; open: SageCandidatesResult['accounts']; form: FurtherForm; back: Html },
): Html {
  const { t } = visit.pages;
  const texts = t.sage.further;
  const { account, open, form, back } = input;
  return html`<div class="card">
    <h1>${texts.heading(account.bankName)}</h1>
    <p>${texts.lead}</p>
    <form method="post" action="${sagePaths.further(account.sageAccountId)}">
      ${orderFields(visit)}
      ${radioField({
        name: 'candidate',
        label: texts.which,
        value: form.candidateId,
        options: open.map((one, index) => [
          one.candidate_id,
          nameOf(one.metadata) ?? texts.numbered(index + 1),
        ]),
        error: form.problems.candidate,
      })}
      ${textField({
        name: 'start_date',
        type: 'date',
        label: t.sage.begin.date,
        hint: t.sage.begin.dateHint,
        value: form.startDate,
        required: true,
        max: latestDayAnywhere(Date.now()),
        error: form.problems.startDate,
      })}
      <div class="actions">
        <button type="submit">${t.sage.begin.button}</button>
        ${back}
      </div>
    </form>
  </div>`;
}

/** What Sage says of the account, as far as it can name it. */
function nameOf(metadata: Readonly<Record<string, unknown>>): string | null {
  const found = nameMembers
    .map((member) => metadata[member])
    .filter((value) => typeof value === 'string' && value !== '');
  return found.length === 0 ? null : found.join(', ');
}
