/** The calls of the client, as errors, logs and metrics name them. */
export type RutterOperation =
  | 'createConnection'
  | 'exchangePublicToken'
  | 'getConnectionByToken'
  | 'getConnectionStatus'
  | 'deleteConnection'
  | 'listAccounts'
  | 'getAccount'
  | 'createAccount'
  | 'createOtp'
  | 'postTransactions'
  | 'listTransactions'
  | 'getJob'
  | 'getAccountJob'
  | 'probeCredentials';
