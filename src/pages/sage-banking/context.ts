import { randomUUID } from 'node:crypto';
import type { Request, Response } from 'express';
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

/** A request of the customer who is signed in. */
export interface SageVisit {
  readonly pages: SagePages;
  readonly customer: StatusCustomer;
  readonly request: Request;
  readonly response: Response;
}

export type SageHandler = (visit: SageVisit) => Promise<void>;

/** A page that shows something: for whoever is signed in; anybody else is sent to sign in. */
export function showing(pages: SagePages, handler: SageHandler) {
  return (request: Request, response: Response) =>
    forCustomer(request, response, (customer) => handler({ pages, customer, request, response }));
}

/** A page that does something: the form must be our own and of this session. */
export function doing(pages: SagePages, handler: SageHandler) {
  return showing(pages, async (visit) => {
    const { t, config } = pages;
    requireOwnForm(visit.request, t, { publicUrl: config.publicUrl, token: visit.customer.formToken });
    await handler(visit);
  });
}

/** The hidden fields of a form: whose it is, and the id of what it orders, made with the page: a double click is one order. */
export function orderFields({ customer }: SageVisit, orderId: string = randomUUID()): Html {
  return html`<input type="hidden" name="${csrfFieldName}" value="${customer.formToken}" />
    <input type="hidden" name="order_id" value="${orderId}" />`;
}

/** The id that the form's page made. @throws {PageProblem} 400 */
export function readOrderId({ pages, request }: SageVisit): string {
  const orderId = readField(request, pages.t, 'order_id');
  if (!isUuid(orderId)) throw new PageProblem(400, pages.t.problems.badForm);
  return orderId;
}

/** An id of the address, if it has the shape of one. @throws {PageProblem} 404 */
export function requireUuid(visit: SageVisit, name: string): string {
  const value = visit.request.params[name];
  if (!isUuid(value)) throw notThere(visit);
  return value;
}

/** What is not there, and what is another customer's, are one to the eye. */
export function notThere({ pages }: SageVisit): PageProblem {
  return new PageProblem(404, pages.t.sage.notFound);
}
