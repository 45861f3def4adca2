import { formLifetimeMs, type Knobs } from './assumptions.js';
import type { AccountRecord, RuleRecord } from './records.js';
import { iso, type Sandbox } from './sandbox.js';
import { signedAddress } from './signed-address.js';

/** With the knob, an object has undocumented fields. */
export function extended({ knobs }: { knobs: Knobs }, shown: object): object {
  return knobs.extraFields ? { ...shown, introducedLater: { nested: [1, null] }, newFlag: true } : shown;
}

/** The account object in every answer (contract 6.2). */
export function renderAccount(sandbox: Sandbox, account: AccountRecord): object {
  const { balances, features } = account;
  return extended(sandbox, {
    bankAccountId: account.id,
    bankId: account.bankId,
    accountName: account.accountName,
    accountIdentifier: account.accountIdentifier,
    bankIdentifier: account.bankIdentifier,
    branchIdentifier: account.branchIdentifier,
    accountType: account.accountType,
    defaultCurrency: account.defaultCurrency,
    status: account.status,
    statusReason: 'standardAuthentication',
    statusReasonModifiedDate: account.statusChangedAtMs === null ? null : iso(account.statusChangedAtMs),
    users: [],
    dataProvider: account.dataProvider,
    authAlwaysRequired: false,
    aggregatorId: account.dataProvider === 'direct' ? null : 'generic',
    aggregatorName: account.dataProvider === 'direct' ? null : 'generic-sandbox',
    requestedStartDate: account.requestedStartDate,
    // Documented: may be missing, which means none yet.
    ...(account.lastTransactionId === 0 ? {} : { lastTransactionId: account.lastTransactionId }),
    ...balances,
    ...(features === null ? {} : { [features.name]: features.value }),
    ...authorisationData(sandbox, account),
    created: iso(account.createdAtMs),
    modified: iso(account.modifiedAtMs),
  });
}

/** The form of a direct bank that wants one: signed, one hour, new on every read (assumed, contract 6.3). */
function authorisationData(sandbox: Sandbox, account: AccountRecord): object {
  if (account.status === 'cancelled') return {};
  if (sandbox.state.get('bank', account.bankId)?.mechanism !== 'pdf') return {};
  const expiresAtMs = sandbox.clock.nowMs() + formLifetimeMs;
  const formUrl = signedAddress(sandbox, `/bank/forms/${account.id}?expires=${expiresAtMs}`);
  return { authorisationData: { formUrl } };
}

/** A rule as it was sent, with what the server adds (contract 8). */
export function renderRule(sandbox: Sandbox, rule: RuleRecord): object {
  return extended(sandbox, {
    ruleId: rule.id,
    bankAccountId: rule.accountId,
    ruleName: rule.ruleName,
    ruleRank: rule.ruleRank,
    ruleConditions: rule.ruleConditions,
    ruleAdditionalFields: rule.ruleAdditionalFields,
    ruleActions: rule.ruleActions,
    status: rule.status,
    created: iso(rule.createdAtMs),
    modified: iso(rule.modifiedAtMs),
  });
}
