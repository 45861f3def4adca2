import type { SageBank } from '../../clients/sage-banking/schemas.js';
import type { SageCompanyRow } from '../../db/sage-banking/companies.js';
import type { InstantProblem } from '../../domain/instant.js';
import { yearMin } from '../../domain/instant.js';
import { dayMs } from '../../domain/limits.js';
import { latestDayAnywhere } from '../../domain/booking-day.js';
import { readStartDate } from '../../domain/sage-banking/start-date.js';
import { textProblem } from '../../domain/text.js';
import { readField } from '../form.js';
import { html } from '../html.js';
import type { Html } from '../html.js';
import { radioField, selectField, textField } from './fields.js';
import { labelOf } from './label-of.js';
import type { SageVisit } from './context.js';
import { orderFields } from './context.js';
import { sendSagePage, linkButton } from './page.js';
import { sagePaths } from './paths.js';

/** The default start date: most banks provide about this much history. */
const defaultDaysBack = 90;
const accountNameMax = 100;
/** Account numbers and sort codes as customers write them, such as an IBAN with spaces. */
const identifierPattern = /^[A-Za-z0-9](?:[A-Za-z0-9 -]{0,48}[A-Za-z0-9])?$/;
/** Assumption: the account types that the Banking Service accepts where a bank lists none. */
const accountTypesFallback: readonly string[] = ['DEBIT', 'CREDIT'];

/** Values as typed. `accountName` and the following are for direct banks only. */
export interface BeginForm {
  readonly connectionId: string;
  /** YYYY-MM-DD. */
  readonly startDate: string;
  readonly accountName: string;
  readonly accountNumber: string;
  readonly sortCode: string;
  readonly accountType: string;
}
export type BeginProblems = Partial<Record<keyof BeginForm, string>>;

interface Choice {
  readonly searchId: string;
  readonly bank: SageBank;
  readonly companies: readonly SageCompanyRow[];
}

export function newBeginForm({ bank, companies }: Choice): BeginForm {
  return {
    connectionId: companies.length === 1 ? (companies[0]?.connectionId ?? '') : '',
    startDate: new Date(Date.now() - defaultDaysBack * dayMs).toISOString().slice(0, 'YYYY-MM-DD'.length),
    accountName: '',
    accountNumber: '',
    sortCode: '',
    accountType: typesOf(bank)[0] ?? '',
  };
}

export function readBeginForm({ pages: { t }, request }: SageVisit, { companies }: Choice): BeginForm {
  const read = (name: keyof BeginForm) => readField(request, t, name).trim();
  return {
    // With one company the form does not ask which.
    connectionId: companies.length === 1 ? (companies[0]?.connectionId ?? '') : read('connectionId'),
    startDate: read('startDate'),
    accountName: read('accountName'),
    accountNumber: read('accountNumber'),
    sortCode: read('sortCode'),
    accountType: read('accountType'),
  };
}

/** Problems by field; empty when the link can be stored. Another customer's company is an unknown one. */
export function validateBeginForm(
  { pages: { t } }: SageVisit,
  { bank, companies }: Choice,
  form: BeginForm,
): BeginProblems {
  const texts = t.sage.begin;
  const isKnownCompany = companies.some(({ connectionId }) => connectionId === form.connectionId);
  const dateProblem = startDateProblem(texts, form.startDate);
  const problems: BeginProblems = {
    ...(isKnownCompany ? {} : { connectionId: texts.companyMissing }),
    ...(dateProblem === undefined ? {} : { startDate: dateProblem }),
  };
  if (bank.dataProvider === 'indirect') return problems;
  const isName = textProblem(form.accountName, accountNameMax) === null;
  return {
    ...problems,
    ...(isName ? {} : { accountName: texts.nameMissing }),
    ...(identifierPattern.test(form.accountNumber) ? {} : { accountNumber: texts.numberMissing }),
    ...(identifierPattern.test(form.sortCode) ? {} : { sortCode: texts.codeMissing }),
    ...(typesOf(bank).includes(form.accountType) ? {} : { accountType: texts.typeMissing }),
  };
}

/** The problem of a start date, or null. The customer's own today is the latest, wherever on earth that is. */
export function startDateFault(date: string): InstantProblem | null {
  const read = readStartDate(`${date}T00:00:00Z`, Date.now());
  return 'problem' in read ? read.problem : null;
}

function startDateProblem(texts: SageVisit['pages']['t']['sage']['begin'], date: string): string | undefined {
  const fault = startDateFault(date);
  if (fault === null) return undefined;
  if (fault === 'in_the_future') return texts.dateFuture;
  return fault === 'year_out_of_range' ? texts.dateTooEarly(String(yearMin)) : texts.dateMissing;
}

function typesOf(bank: SageBank): readonly string[] {
  const listed = bank.accountTypes ?? [];
  return listed.length > 0 ? listed : accountTypesFallback;
}

/** The form, with the problem beside each field when it is shown again. */
export function sendBeginForm(
  visit: SageVisit,
  choice: Choice,
  { form, problems }: { form: BeginForm; problems: BeginProblems },
  status: number,
): void {
  const { t } = visit.pages;
  const texts = t.sage.begin;
  const { bank, companies, searchId } = choice;
  const isDirect = bank.dataProvider === 'direct';
  const main = html`<div class="card">
    <h1>${texts.heading(bank.name)}</h1>
    <p>
      ${isDirect ? texts.nextDirect(bank.name) : texts.nextIndirect(bank.name)}
      ${isDirect && mechanismHint(visit, bank)}
    </p>
    <form method="post" action="${sagePaths.bank(searchId, bank.bankId)}">
      ${orderFields(visit)}
      ${
        companies.length > 1 &&
        radioField({
          name: 'connectionId',
          label: texts.company,
          value: form.connectionId,
          options: companies.map(({ connectionId, name }) => [connectionId, name]),
          error: problems.connectionId,
        })
      }
      ${textField({
        name: 'startDate',
        type: 'date',
        label: texts.date,
        hint: texts.dateHint,
        value: form.startDate,
        required: true,
        max: latestDayAnywhere(Date.now()),
        error: problems.startDate,
      })}
      ${isDirect && directFields(visit, bank, { form, problems })}
      <div class="actions">
        <button type="submit">${texts.button}</button>
        ${linkButton(sagePaths.search(searchId), t.sage.link.otherBank)}
      </div>
    </form>
  </div>`;
  sendSagePage(visit, { title: t.sage.connect.title, main, status });
}

function mechanismHint({ pages: { t } }: SageVisit, bank: SageBank): string {
  const { mechanisms } = t.sage.begin;
  const type = bank.authorisationMechanism?.type ?? '';
  return Object.hasOwn(mechanisms, type) ? labelOf(mechanisms, type) : mechanisms.other;
}

function directFields(
  { pages: { t } }: SageVisit,
  bank: SageBank,
  { form, problems }: { form: BeginForm; problems: BeginProblems },
): Html {
  const texts = t.sage.begin;
  const field = (name: 'accountName' | 'accountNumber' | 'sortCode', label: string) =>
    textField({
      name,
      label,
      value: form[name],
      required: true,
      lengthMax: accountNameMax,
      error: problems[name],
    });
  return html`${field('accountName', texts.accountName)} ${field('accountNumber', texts.accountNumber)}
  ${field('sortCode', texts.sortCode)}
  ${selectField({
    name: 'accountType',
    label: texts.accountType,
    value: form.accountType,
    options: typesOf(bank).map((type) => [type, labelOf(texts.accountTypes, type)]),
    error: problems.accountType,
  })}`;
}
