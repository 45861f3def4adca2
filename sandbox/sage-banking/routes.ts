import { accountRoutes } from './accounts.js';
import { bankRoutes } from './banks.js';
import { linkRoutes } from './links.js';
import { organisationRoutes } from './organisations.js';
import { reprocessRoutes } from './reprocess.js';
import type { Route } from './route.js';
import { ruleRoutes } from './rules.js';
import { tokenServiceRoutes } from './token-service.js';
import { tokenRoutes } from './tokens.js';
import { transactionRoutes } from './transactions.js';

/** All APIs of a consumer: Consumer API, Authentication Service, token service. */
export const routes: readonly Route[] = [
  ...transactionRoutes,
  ...accountRoutes,
  ...ruleRoutes,
  ...reprocessRoutes,
  ...linkRoutes,
  ...bankRoutes,
  ...tokenRoutes,
  ...tokenServiceRoutes,
  ...organisationRoutes,
];
