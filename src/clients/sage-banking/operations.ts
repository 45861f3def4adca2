/** Calls of this client, as errors and logs name them. */
export type SageOperation =
  | 'createOrganisation'
  | 'requestToken'
  | 'getCaptcha'
  | 'getAccessToken'
  | 'listBanks'
  | 'getBank'
  | 'startLink'
  | 'startReauthorisation'
  | 'pollLink'
  | 'createBankAccount'
  | 'listBankAccounts'
  | 'getBankAccount'
  | 'deleteBankAccount'
  | 'readTransactions'
  | 'listRules'
  | 'getRule'
  | 'createRule'
  | 'replaceRule'
  | 'amendRule'
  | 'deleteRule'
  | 'listDisconnectedRules'
  | 'startReprocess'
  | 'pollReprocess';

/** Calls signed with the application's own key, or with its id alone: a 401 there does not concern a company. */
export const applicationOperations: ReadonlySet<SageOperation> = new Set<SageOperation>([
  'createOrganisation',
  'requestToken',
  'getCaptcha',
  'listBanks',
  'getBank',
]);
