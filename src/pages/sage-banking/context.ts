import { randomUUID } from 'node:crypto';
import type { Request, Response } from 'express';
import { readCustomer } from '../../db/customers.js';
import { zoneOf } from '../../domain/booking-day.js';
import { csrfFieldName, readField, requireOwnForm } from '../form.js';
import { html } from '../html.js';
import type { Html } from '../html.js';
import { PageProblem } from '../page-problem.js';
import type { SageBankingFacade } from '../../temporal/sage-banking/facade.js';
import type { StatusCustomer, StatusPages } from '../status/status-context.js';
import { forCustomer, isUuid } from '../status/status-context.js';
import type { SageTexts } from './texts.js';

/** The dependencies of the pages below /status/sage, which exist only where the channel is configured. */
export interface SagePages extends StatusPages {
  readonly t: SageTexts;
  readonly sage: SageBankingFacade;
}

/** A request of the signed-in customer. */
export interface SageVisit {
  readonly pages: SagePages;
  readonly customer: StatusCustomer;
  readonly request: Request;
  readonly response: Response;
}

export type SageHandler = (visit: SageVisit) => Promise<void>;

/** The zone in which the customer's days and times are printed; null: UTC. */
export async function timeZoneOf({
  pages,
  customer,
}: {
  readonly pages: StatusPages;
  readonly customer: StatusCustomer;
}): Promise<string | null> {
  const row = await readCustomer(pages.pool, customer);
  return zoneOf({ timeZone: row?.timeZone ?? null, bankTimeZone: pages.config.BANK_TIME_ZONE ?? null });
}

/** A handler that shows a page to the signed-in customer; without one the answer redirects to the sign-in page. */
export function showing(pages: SagePages, handler: SageHandler) {
  return (request: Request, response: Response) =>
    forCustomer(request, response, (customer) => handler({ pages, customer, request, response }));
}

/** A handler of a form, which must be our own and of this session. */
export function doing(pages: SagePages, handler: SageHandler) {
  return showing(pages, async (visit) => {
    const { t, config } = pages;
    requireOwnForm(visit.request, t, { publicUrl: config.publicUrl, token: visit.customer.formToken });
    await handler(visit);
  });
}

/** The hidden fields of a form: the session's token, and the id of the request, created with the page so that a double click is one request. */
export function orderFields({ customer }: SageVisit, orderId: string = randomUUID()): Html {
  return html`<input type="hidden" name="${csrfFieldName}" value="${customer.formToken}" />
    <input type="hidden" name="order_id" value="${orderId}" />`;
}

/** The id that was created with the form. @throws {PageProblem} 400 */
export function readOrderId({ pages, request }: SageVisit): string {
  const orderId = readField(request, pages.t, 'order_id');
  if (!isUuid(orderId)) throw new PageProblem(400, pages.t.problems.badForm);
  return orderId;
}

/** An id in the URL. @throws {PageProblem} 404 when it is not a UUID */
export function requireUuid(visit: SageVisit, name: string): string {
  const value = visit.request.params[name];
  if (!isUuid(value)) throw notFoundProblem(visit);
  return value;
}

/** The same page for what does not exist and for what belongs to another customer. */
export function notFoundProblem({ pages }: SageVisit): PageProblem {
  return new PageProblem(404, pages.t.sage.notFound);
}
