import { z } from 'zod';
import { readCustomer } from '../../db/customers.js';
import { readSageAccount, type SageAccountRow } from '../../db/sage-banking/accounts.js';
import { listSageCompanies, type SageCompanyRow } from '../../db/sage-banking/companies.js';
import { writeTimeline } from '../../db/timeline.js';
import { describeInstantProblem } from '../../domain/instant.js';
import { readStartDate } from '../../domain/sage-banking/start-date.js';
import type { ApiDeps } from '../deps.js';
import { uuid } from '../fields.js';
import type { Problem } from '../problem.js';
import { invalid, notFound } from '../problem.js';

/** Path parameters of the routes below one account. */
export const sageAccountParams = z.strictObject({ sage_account_id: uuid });

/** The account. @throws {Problem} 404 */
export async function requireSageAccount(
  deps: ApiDeps,
  input: { sageAccountId: string },
): Promise<SageAccountRow> {
  const account = await readSageAccount(deps.pool, input);
  if (account === null) throw notFound('account');
  return account;
}

/** Fields of the calls that link an account. */
export const companyField = z.string().min(1).max(255).optional().meta({
  description: "Sage's id of the company. Optional when the customer has exactly one.",
});
export const startDateField = z.string().meta({
  description:
    'The first day of the transactions: a date, or an instant with offset, of which the day as written counts; at most today, where on earth it is latest.',
  example: '2026-02-01',
});

/** The company that the call names, or the customer's only one. @throws {Problem} 404 for an unknown customer, 422 for the company */
export async function requireSageCompany(
  deps: ApiDeps,
  input: { customerId: string; companyId: string | undefined },
): Promise<SageCompanyRow> {
  const customer = await readCustomer(deps.pool, input);
  if (customer === null) throw notFound('customer');
  const companies = await listSageCompanies(deps.pool, input);
  const { companyId } = input;
  const matching = companies.filter((company) => companyId === undefined || company.companyId === companyId);
  const [company] = matching;
  if (company !== undefined && matching.length === 1) return company;
  throw invalidField('/company_id', companyProblem(companies.length, companyId));
}

function companyProblem(count: number, companyId: string | undefined): string {
  if (count === 0) return "the customer has no company at Sage's Banking Service yet";
  return companyId === undefined
    ? 'is required: the customer has several companies'
    : 'is not a company of the customer';
}

/** A start date as midnight UTC of its day. A refused one is recorded on the company's timeline. @throws {Problem} 422 */
export async function requireStartDate(
  deps: ApiDeps,
  input: { company: SageCompanyRow; value: string },
): Promise<string> {
  const { company, value } = input;
  const parsed = readStartDate(value, deps.nowMs());
  if ('instant' in parsed) return parsed.instant;
  const { problem } = parsed;
  await writeTimeline(deps.pool, {
    kind: 'sage_link_refused',
    customerId: company.customerId,
    connectionId: company.connectionId,
    detail: { field: 'requested_start_date', problem },
  });
  const message = problem === 'in_the_future' ? 'is in the future' : describeInstantProblem(problem, 0);
  throw invalidField('/requested_start_date', message);
}

function invalidField(pointer: string, message: string): Problem {
  return invalid({ status: 422, code: 'invalid_body', errors: [{ pointer, message }] });
}
