import type { Request, Response } from 'express';
import type { PagesDeps } from '../deps.js';
import type { Authenticator } from '../sign-in/authenticate.js';
import { seeOther } from '../page-problem.js';
import { readCustomerSession } from '../session.js';
import type { Texts } from '../texts.js';

/** The dependencies of the pages below /status. */
export interface StatusPages extends PagesDeps {
  readonly t: Texts;
  readonly authenticator: Authenticator;
}

export const statusPaths = {
  feeds: '/status',
  signIn: '/status/sign-in',
  signOut: '/status/sign-out',
} as const;

const uuidPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Whether a text from a URL or a form is one of our ids; checked before it is used in a query. */
export function isUuid(text: unknown): text is string {
  return typeof text === 'string' && uuidPattern.test(text);
}

export interface StatusCustomer {
  readonly customerId: string;
  readonly formToken: string;
}

/** Runs `work` for the signed-in customer; without one the answer redirects to the sign-in page. */
export async function forCustomer(
  request: Request,
  response: Response,
  work: (customer: StatusCustomer) => Promise<void>,
): Promise<void> {
  const customer = readCustomerSession(request);
  if (customer === undefined) seeOther(response, statusPaths.signIn);
  else await work(customer);
}
