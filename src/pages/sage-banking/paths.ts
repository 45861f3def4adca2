const root = '/status/sage';
const account = (sageAccountId: string) => `${root}/accounts/${sageAccountId}`;
const rule = (sageAccountId: string, ruleId: string) =>
  `${account(sageAccountId)}/rules/${encodeURIComponent(ruleId)}`;

/** Addresses of this channel's pages, with their full path. */
export const sagePaths = {
  begin: `${root}/begin`,
  captcha: (onboardingId: string) => `${root}/begin/${onboardingId}/captcha`,
  connect: `${root}/connect`,
  search: (searchId: string) => `${root}/connect/${searchId}`,
  bank: (searchId: string, bankId: string) => `${root}/connect/${searchId}/${encodeURIComponent(bankId)}`,
  link: (linkId: string) => `${root}/links/${linkId}`,
  linkAgain: (linkId: string) => `${root}/links/${linkId}/again`,
  account,
  reauthorize: (sageAccountId: string) => `${account(sageAccountId)}/reauthorise`,
  disconnect: (sageAccountId: string) => `${account(sageAccountId)}/disconnect`,
  reprocess: (sageAccountId: string) => `${account(sageAccountId)}/reprocess`,
  reprocessing: (reprocessId: string) => `${root}/reprocesses/${reprocessId}`,
  restore: (sageAccountId: string) => `${account(sageAccountId)}/restore`,
  deleteRestorable: (sageAccountId: string, ruleId: string) =>
    `${account(sageAccountId)}/restore/${encodeURIComponent(ruleId)}/delete`,
  further: (sageAccountId: string) => `${account(sageAccountId)}/further`,
  restoring: (sageAccountId: string, commandId: string) => `${account(sageAccountId)}/restored/${commandId}`,
  rules: (sageAccountId: string) => `${account(sageAccountId)}/rules`,
  newRule: (sageAccountId: string) => `${account(sageAccountId)}/new-rule`,
  rule,
  moveRule: (sageAccountId: string, ruleId: string) => `${rule(sageAccountId, ruleId)}/move`,
  deleteRule: (sageAccountId: string, ruleId: string) => `${rule(sageAccountId, ruleId)}/delete`,
  ruleOrder: (sageAccountId: string, commandId: string) =>
    `${account(sageAccountId)}/rule-orders/${commandId}`,
} as const;
