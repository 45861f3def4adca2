import { accountRoutes } from './accounts.js';
import { configRoutes } from './configs.js';
import { connectionRoutes } from './connections.js';
import { fetchJob } from './jobs.js';
import { otpRoutes } from './otp.js';
import { matchPath } from '../stand-in/match-path.js';
import type { Route } from './route.js';
import { transactionRoutes } from './transactions.js';

/** The endpoints of Rutter that a Sage bank feed uses. The first match wins. */
export const routes: readonly Route[] = [
  ...transactionRoutes,
  { method: 'GET', path: '/jobs/:id', auth: 'basic', answer: fetchJob },
  ...accountRoutes,
  ...otpRoutes,
  ...connectionRoutes,
  ...configRoutes,
];

export interface RouteMatch {
  route: Route;
  params: Record<string, string>;
}

export function findRoute(method: string, path: string): RouteMatch | undefined {
  for (const route of routes) {
    const params = route.method === method ? matchPath(route.path, path) : undefined;
    if (params !== undefined) return { route, params };
  }
  return undefined;
}
