/** The calls of the client, as errors, logs and metrics name them. */
export type RutterOperation =
  | 'createConnection'
  | 'exchangePublicToken'
  | 'getConnectionByToken'
  | 'getConnectionStatus'
  | 'deleteConnection'
  | 'listConnections'
  | 'listAccounts'
  | 'getAccount'
  | 'createAccount'
  | 'createOtp'
  | 'postTransactions'
  | 'listTransactions'
  | 'getJob'
  | 'getAccountJob'
  | 'probeCredentials';

/** Calls without a connection's token: a 401 there can only mean our own credentials. */
export const organisationOperations: ReadonlySet<RutterOperation> = new Set<RutterOperation>([
  'createConnection',
  'exchangePublicToken',
  'deleteConnection',
  'listConnections',
  'getJob',
  'getAccountJob',
  'probeCredentials',
]);
