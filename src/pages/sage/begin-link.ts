import type { SageBank } from '../../clients/sage-banking/schemas.js';
import { seal } from '../../crypto/seal.js';
import { transaction } from '../../db/pool.js';
import type { SageCompanyRow } from '../../db/sage-companies.js';
import { listSageCompanies } from '../../db/sage-companies.js';
import { insertSageLink, readSageLink } from '../../db/sage-links.js';
import { PageProblem, seeOther } from '../page-problem.js';
import type { BeginForm } from './begin-link-form.js';
import { judgeBeginForm, newBeginForm, readBeginForm, sendBeginForm } from './begin-link-form.js';
import { foundBanks } from './found-banks.js';
import type { SageVisit } from './sage-context.js';
import { notThere, readOrderId } from './sage-context.js';
import { sendSageMessage, wayTo } from './sage-page.js';
import { sagePaths } from './sage-paths.js';

interface Choice {
  readonly searchId: string;
  readonly bank: SageBank;
  readonly companies: readonly SageCompanyRow[];
}

/** `GET /status/sage/connect/<search>/<bank>`: everything that has to be known before the bank is asked. */
export async function showBeginLink(visit: SageVisit): Promise<void> {
  const choice = await readChoice(visit);
  if (choice !== null) sendBeginForm(visit, choice, { form: newBeginForm(choice), problems: {} }, 200);
}

/** `POST` the same: stores the order with the start date, and starts the way through the bank's pages. */
export async function beginLink(visit: SageVisit): Promise<void> {
  const linkId = readOrderId(visit);
  const choice = await readChoice(visit);
  if (choice === null) return;
  const form = readBeginForm(visit, choice);
  const problems = judgeBeginForm(visit, choice, form);
  if (Object.keys(problems).length > 0) return sendBeginForm(visit, choice, { form, problems }, 422);
  await storeLink(visit, { linkId, choice, form });
  await visit.pages.sage.startLink({ linkId });
  seeOther(visit.response, sagePaths.link(linkId));
}

/** The bank of the address, from what the search found. Null: answered already. @throws {PageProblem} 404 */
async function readChoice(visit: SageVisit): Promise<Choice | null> {
  const { bankId } = visit.request.params;
  const found = await foundBanks(visit, (searchId) => sagePaths.bank(searchId, String(bankId)));
  if (found === null) return null;
  const bank = found.banks.find((one) => one.bankId === bankId);
  if (bank === undefined) throw notThere(visit);
  const companies = await listSageCompanies(visit.pages.pool, visit.customer);
  if (companies.length === 0) {
    seeOther(visit.response, sagePaths.begin);
    return null;
  }
  if (bank.status === 'unsupported') {
    const { t } = visit.pages;
    const wayBack = wayTo(sagePaths.connect, t.sage.connect.searchAgain);
    sendSageMessage(visit, { message: t.sage.begin.notNow, status: 409, wayBack });
    return null;
  }
  return { searchId: found.searchId, bank, companies };
}

/** The id comes from the form: one that is another customer's, or of another order, is refused. */
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
      requestedStartDate: `${form.startDate}T00:00:00.000Z`,
      sageAccountId: null,
      accountSealed: isDirect
        ? seal(pages.keyring, JSON.stringify(directAccount(form)), {
            table: 'sage_links',
            row: linkId,
            column: 'account',
          })
        : null,
    }),
  );
  const link = await readSageLink(pages.pool, { linkId });
  if (link?.customerId !== customer.customerId || link.bankId !== bank.bankId) {
    throw new PageProblem(400, pages.t.problems.badForm);
  }
}

function directAccount(form: BeginForm) {
  return {
    accountName: form.accountName,
    accountIdentifier: form.accountNumber,
    bankIdentifier: form.sortCode,
    accountType: form.accountType,
  };
}
