import type { Answer, ApiRequest } from './http.js';
import type { Sandbox } from './sandbox.js';

/**
 * Required access:
 * - `none`: signed addresses and the token service validate for themselves
 * - `application`: x-application alone
 * - `organisation`: x-application and a JWT of the organisation in the path
 * - `company`: x-application and a JWT of the company in the path
 * - `account`: `company`, and the bank account in the path is the company's
 */
export type Access = 'none' | 'application' | 'organisation' | 'company' | 'account';

export interface Route {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** The whole path, case-insensitive; `:name` matches one segment. */
  path: string;
  access: Access;
  /** Counter name for benchmarks and tests. */
  counter?: string;
  /** An ApiError refuses the request before anything is committed. */
  answer: (sandbox: Sandbox, request: ApiRequest) => Answer;
}

export const consumer = '/api/v1';
export const COMPANY = `${consumer}/organisations/:organisationId/companies/:companyId`;
export const ACCOUNT = `${COMPANY}/bankaccounts/:bankAccountId`;
