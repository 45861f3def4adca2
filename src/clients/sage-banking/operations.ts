/** Calls of this client, as errors and logs name them. */
export type SageOperation =
  | 'createOrganisation'
  | 'createBareOrganisation'
  | 'createCompany'
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
  | 'listCandidates'
  | 'linkCandidate'
  | 'readTransactions'
  | 'listRules'
  | 'getRule'
  | 'createRule'
  | 'replaceRule'
  | 'amendRule'
  | 'deleteRule'
  | 'listDisconnectedRules'
  | 'deleteDisconnectedRule'
  | 'startReprocess'
  | 'pollReprocess';

/** Calls signed with the application's own key, or with its id alone: a 401 there does not concern a company. */
export const applicationOperations: ReadonlySet<SageOperation> = new Set<SageOperation>([
  'createOrganisation',
  'createBareOrganisation',
  'requestToken',
  'getCaptcha',
  'listBanks',
  'getBank',
]);
