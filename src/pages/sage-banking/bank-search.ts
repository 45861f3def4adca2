import type { SageBank } from '../../clients/sage-banking/schemas.js';
import { listSageCompanies } from '../../db/sage-banking/companies.js';
import { textProblem } from '../../domain/text.js';
import { readField } from '../form.js';
import { html } from '../html.js';
import type { Html } from '../html.js';
import { messageMain } from '../layout.js';
import { seeOther } from '../page-problem.js';
import { selectField, textField } from './fields.js';
import { foundBanks } from './found-banks.js';
import type { SageVisit } from './context.js';
import { orderFields, readOrderId } from './context.js';
import { startCommand } from './run-command.js';
import { backToFeeds, sendSagePage } from './page.js';
import { sagePaths } from './paths.js';

/** Longer texts find nothing more. */
const nameLengthMax = 100;

interface SearchForm {
  readonly name: string;
  readonly country: string;
  readonly nameError?: string;
  readonly countryError?: string;
}

/** `GET /status/sage/connect`: the bank search. A customer without a Sage company is shown how to get one. */
export async function showBankSearch(visit: SageVisit): Promise<void> {
  const companies = await listSageCompanies(visit.pages.pool, visit.customer);
  if (companies.length === 0) return seeOther(visit.response, sagePaths.begin);
  sendSearchForm(visit, { name: '', country: defaultCountry(visit.pages.config.SAGE_BANKING_URL) }, 200);
}

/** Sage's host in the US lists American banks by default (contract section 1). */
export function defaultCountry(bankingUrl: string | undefined): 'USA' | 'GBR' {
  const host = bankingUrl === undefined ? '' : new URL(bankingUrl).hostname;
  return /^(qa|pp|www)\.sagebankdrive\.com$/.test(host) ? 'USA' : 'GBR';
}

/** `POST /status/sage/connect`: asks Sage for its banks. */
export async function searchBanks(visit: SageVisit): Promise<void> {
  const { t } = visit.pages;
  const texts = t.sage.connect;
  const name = readField(visit.request, t, 'name').trim();
  const country = readField(visit.request, t, 'country');
  const commandId = readOrderId(visit);
  const nameIsGood = textProblem(name, nameLengthMax) === null;
  if (!nameIsGood || !Object.hasOwn(texts.countries, country)) {
    const form: SearchForm = {
      name,
      country,
      ...(nameIsGood ? {} : { nameError: texts.nameMissing }),
      ...(Object.hasOwn(texts.countries, country) ? {} : { countryError: texts.countryUnknown }),
    };
    return sendSearchForm(visit, form, 422);
  }
  await startCommand(visit, { commandId, kind: 'sage_list_banks', input: { name, country } });
  seeOther(visit.response, sagePaths.search(commandId));
}

/** `GET /status/sage/connect/<search>`: the banks that were found. */
export async function showBanks(visit: SageVisit): Promise<void> {
  const found = await foundBanks(visit, sagePaths.search);
  if (found === null) return;
  const { t } = visit.pages;
  const texts = t.sage.connect;
  const { banks, total } = found;
  const again = html`<div class="actions">
    <a class="button quiet" href="${sagePaths.connect}">${texts.searchAgain}</a> ${backToFeeds(visit)}
  </div>`;
  const main =
    banks.length === 0
      ? messageMain({ heading: texts.foundHeading, paragraphs: [texts.none], more: again })
      : html`<div class="card">
          <h1>${texts.foundHeading}</h1>
          ${total > banks.length && html`<p class="soft">${texts.more}</p>`}
          <ul class="plain">
            ${banks.map((bank) => bankLine(visit, found.searchId, bank))}
          </ul>
          ${again}
        </div>`;
  sendSagePage(visit, { title: texts.title, main });
}

function bankLine({ pages: { t } }: SageVisit, searchId: string, bank: SageBank): Html {
  const texts = t.sage.connect;
  const { country, hint } = {
    country: (texts.countries as Readonly<Record<string, string>>)[bank.primaryCountry ?? ''],
    hint: bank.dataProvider === 'direct' ? texts.direct : undefined,
  };
  const isOffered = bank.status !== 'unsupported';
  const notes = [
    country,
    bank.status === 'beta' ? texts.beta : isOffered ? undefined : texts.unsupported,
    hint,
  ];
  return html`<li>
    ${isOffered ? html`<a href="${sagePaths.bank(searchId, bank.bankId)}"><bdi>${bank.name}</bdi></a>` : html`<bdi>${bank.name}</bdi>`}
    <p class="soft small">${notes.filter((note) => note !== undefined).join(' · ')}</p>
  </li>`;
}

function sendSearchForm(visit: SageVisit, form: SearchForm, status: number): void {
  const { t } = visit.pages;
  const texts = t.sage.connect;
  const main = html`<div class="card">
    <h1>${texts.heading}</h1>
    <p class="soft">${texts.lead}</p>
    <form method="post" action="${sagePaths.connect}">
      ${orderFields(visit)}
      ${textField({
        name: 'name',
        label: texts.name,
        hint: texts.nameHint,
        value: form.name,
        required: true,
        lengthMax: nameLengthMax,
        error: form.nameError,
      })}
      ${selectField({
        name: 'country',
        label: texts.country,
        value: form.country,
        options: Object.entries(texts.countries),
        error: form.countryError,
      })}
      <div class="actions">
        <button type="submit">${texts.search}</button>
        ${backToFeeds(visit)}
      </div>
    </form>
  </div>`;
  sendSagePage(visit, { title: texts.title, main, status });
}
