import { isDeepStrictEqual } from 'node:util';
import type { SageBank } from '../../clients/sage-banking/schemas.js';
import { openLinkAccount, sealLinkAccount } from '../../db/sage-banking/bank-link-account.js';
import { transaction } from '../../db/pool.js';
import type { SageCompanyRow } from '../../db/sage-banking/companies.js';
import { listSageCompanies } from '../../db/sage-banking/companies.js';
import type { SageLinkRow } from '../../db/sage-banking/bank-links.js';
import { insertSageLink, readSageLink } from '../../db/sage-banking/bank-links.js';
import { writeTimeline } from '../../db/timeline.js';
import { PageProblem, seeOther } from '../page-problem.js';
import type { BeginForm } from './begin-link-form.js';
import {
  validateBeginForm,
  newBeginForm,
  readBeginForm,
  sendBeginForm,
  startDateFault,
} from './begin-link-form.js';
import { foundBanks } from './found-banks.js';
import type { SagePages, SageVisit } from './context.js';
import { notFoundProblem, readOrderId } from './context.js';
import { sendSageMessage, linkButton } from './page.js';
import { sagePaths } from './paths.js';

interface Choice {
  readonly searchId: string;
  readonly bank: SageBank;
  readonly companies: readonly SageCompanyRow[];
}

/** `GET /status/sage/connect/<search>/<bank>`: the form that starts a bank link. */
export async function showBeginLink(visit: SageVisit): Promise<void> {
  const choice = await readChoice(visit);
  if (choice !== null) sendBeginForm(visit, choice, { form: newBeginForm(choice), problems: {} }, 200);
}

/** `POST` the same: stores the link with its start date, and starts the bank consent. */
export async function beginLink(visit: SageVisit): Promise<void> {
  const linkId = readOrderId(visit);
  const choice = await readChoice(visit);
  if (choice === null) return;
  const form = readBeginForm(visit, choice);
  const problems = validateBeginForm(visit, choice, form);
  if (Object.keys(problems).length > 0) {
    await recordRefusedDate(visit, choice, form);
    return sendBeginForm(visit, choice, { form, problems }, 422);
  }
  await storeLink(visit, { linkId, choice, form });
  await visit.pages.sage.startLink({ linkId });
  seeOther(visit.response, sagePaths.link(linkId));
}

/** Records a refused start date on the timeline, as the API does. */
async function recordRefusedDate(
  { pages, customer }: SageVisit,
  choice: Choice,
  form: BeginForm,
): Promise<void> {
  const problem = startDateFault(form.startDate);
  if (problem === null) return;
  const company = choice.companies.find(({ connectionId }) => connectionId === form.connectionId);
  await writeTimeline(pages.pool, {
    kind: 'sage_link_refused',
    customerId: customer.customerId,
    connectionId: company?.connectionId ?? null,
    detail: { field: 'requested_start_date', problem },
  });
}

/** The bank in the URL, from the results of the search. Null: an answer was already sent. @throws {PageProblem} 404 */
async function readChoice(visit: SageVisit): Promise<Choice | null> {
  const { bankId } = visit.request.params;
  const found = await foundBanks(visit, (searchId) => sagePaths.bank(searchId, String(bankId)));
  if (found === null) return null;
  const bank = found.banks.find((one) => one.bankId === bankId);
  if (bank === undefined) throw notFoundProblem(visit);
  const companies = await listSageCompanies(visit.pages.pool, visit.customer);
  if (companies.length === 0) {
    seeOther(visit.response, sagePaths.begin);
    return null;
  }
  if (bank.status === 'unsupported') {
    const { t } = visit.pages;
    const backLink = linkButton(sagePaths.connect, t.sage.connect.searchAgain);
    sendSageMessage(visit, { message: t.sage.begin.notNow, status: 409, backLink });
    return null;
  }
  return { searchId: found.searchId, bank, companies };
}

/** Stores the link. Its id comes from the form, so the id of another customer's or of a different link is refused. */
async function storeLink(
  { pages, customer }: SageVisit,
  { linkId, choice, form }: { linkId: string; choice: Choice; form: BeginForm },
): Promise<void> {
  const { bank } = choice;
  const isDirect = bank.dataProvider === 'direct';
  await transaction(pages.pool, (db) =>
    insertSageLink(db, {
      linkId,
      customerId: customer.customerId,
      connectionId: form.connectionId,
      purpose: isDirect ? 'direct' : 'link',
      bankId: bank.bankId,
      bankName: bank.name,
      requestedStartDate: startInstant(form),
      sageAccountId: null,
      accountSealed: isDirect
        ? sealLinkAccount(pages.keyring, { linkId, account: directAccount(form) })
        : null,
    }),
  );
  const link = await readSageLink(pages.pool, { linkId });
  if (link?.customerId !== customer.customerId || link.bankId !== bank.bankId) {
    throw new PageProblem(400, pages.t.problems.badForm);
  }
  if (!isSameOrder(pages, { link, form, isDirect })) {
    throw new PageProblem(409, pages.t.sage.begin.alreadySent);
  }
}

/**
 * Whether a form that was sent again, perhaps after going back in the browser, matches the link stored under its id. The
 * account of a direct bank is stored in the row until it is created; after that the page of the link shows the outcome.
 */
function isSameOrder(
  { keyring }: SagePages,
  { link, form, isDirect }: { link: SageLinkRow; form: BeginForm; isDirect: boolean },
): boolean {
  const { linkId, accountSealed } = link;
  const isSameDate = Date.parse(link.requestedStartDate ?? '') === Date.parse(startInstant(form));
  const isSameTarget = link.connectionId === form.connectionId && (link.purpose === 'direct') === isDirect;
  if (!isSameDate || !isSameTarget) return false;
  if (!isDirect || accountSealed === null) return true;
  return isDeepStrictEqual(openLinkAccount(keyring, { linkId, accountSealed }), directAccount(form));
}

function startInstant({ startDate }: BeginForm): string {
  return `${startDate}T00:00:00.000Z`;
}

function directAccount(form: BeginForm) {
  return {
    accountName: form.accountName,
    accountIdentifier: form.accountNumber,
    bankIdentifier: form.sortCode,
    accountType: form.accountType,
  };
}
