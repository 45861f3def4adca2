import type { Answer, ApiRequest } from './http.js';
import type { Sandbox } from './sandbox.js';

/**
 * Who may ask:
 * - `none`: signed addresses and the token service validate for themselves
 * - `application`: x-application alone
 * - `organisation`: x-application and a JWT of the organisation in the path
 * - `company`: x-application and a JWT of the company in the path
 * - `account`: `company`, and the bank account in the path is the company's
 */
export type Access = 'none' | 'application' | 'organisation' | 'company' | 'account';

export interface Route {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** From the root, in any case; `:name` takes one part. */
  path: string;
  access: Access;
  /** Counted under this name, where benchmarks and tests ask. */
  counter?: string;
  /** Throwing ApiError refuses the request; nothing has then been committed. */
  answer: (sandbox: Sandbox, request: ApiRequest) => Answer;
}

export const CONSUMER = '/api/v1';
export const COMPANY = `${CONSUMER}/organisations/:organisationId/companies/:companyId`;
export const ACCOUNT = `${COMPANY}/bankaccounts/:bankAccountId`;
