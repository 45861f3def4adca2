import { randomUUID } from 'node:crypto';
import { seal } from '../../../src/crypto/seal.js';
import { insertCommand, readCommand, type SageCommandKind } from '../../../src/db/commands.js';
import { transaction } from '../../../src/db/pool.js';
import { requestSageCancellation } from '../../../src/db/sage-banking/account-life.js';
import type { SageAccountRow } from '../../../src/db/sage-banking/accounts.js';
import type {
  SageCommandInput,
  SageRestorableRulesResult,
} from '../../../src/db/sage-banking/command-types.js';
import { insertSageLink, type NewSageLink } from '../../../src/db/sage-banking/bank-links.js';
import { beginSageReprocess } from '../../../src/db/sage-banking/reprocesses.js';
import { unreachable } from '../../../src/domain/feed.js';
import { validateRule } from '../../../src/domain/sage-banking/rules/validate-rule.js';
import {
  accountsAtSage,
  noteBook,
  openSageBankingAccounts,
  pick,
  sageBankingCompanies,
  type SageBankingBankAccount,
  type SageBankingActors,
  type SageBankingCustomer,
} from './actors.js';
import type { SageBankingFixture } from './fixture.js';
import { typeCaptcha, beginOnboarding, resolveUnknownOutcome } from './onboarding.js';
import type { PlannedLine, PlannedLink, PlannedRule, SageStep } from './plan.js';
import { visitBank } from './visit.js';

/*
 * What customers, banks and callers do in a run on the channel of Sage's Banking Service: each the way the routes do it,
 * the row first and then the call to Temporal, through our own code.
 */

/** Until the page shows where to go. */
const pageShownMs = 3_000;
/** A command answers within seconds, or its caller does not wait for it. */
const answerAwaitedMs = 5_000;
/** Two polls at the longest period. */
const linkedWithinMs = 125_000;

export async function takeSageStep(
  fixture: SageBankingFixture,
  actors: SageBankingActors,
  step: SageStep,
): Promise<void> {
  const customer = 'customer' in step ? pick(actors.customers, step.customer) : undefined;
  switch (step.kind) {
    case 'onboard':
      return customer === undefined ? undefined : await beginOnboarding(fixture, customer);
    case 'captcha':
      return customer === undefined
        ? undefined
        : await typeCaptcha(fixture, actors, { customer, way: step.way });
    case 'resolve':
      return customer === undefined ? undefined : await resolveUnknownOutcome(fixture, actors, customer);
    case 'link':
      return customer === undefined ? undefined : await beginLink(fixture, actors, customer, step.link);
    case 'visit':
      return customer === undefined
        ? undefined
        : await visitBank(fixture, actors, { customer, success: step.success });
    case 'fault':
      await fixture.control('POST', '/faults', step.spec);
      return;
    case 'statement':
      return await postStatement(fixture, actors, step);
    default:
      return await takeAccountStep(fixture, actors, step);
  }
}

type AccountStep = Exclude<
  SageStep,
  { kind: 'onboard' | 'captcha' | 'resolve' | 'link' | 'visit' | 'fault' | 'statement' }
>;

async function takeAccountStep(
  fixture: SageBankingFixture,
  actors: SageBankingActors,
  step: AccountStep,
): Promise<void> {
  const open = await openSageBankingAccounts(fixture, actors);
  const account = pick(open, step.account);
  if (step.kind === 'reauthorise') {
    const waiting = open.filter((row) => row.status === 'authRequired' && row.dataProvider === 'indirect');
    const chosen = pick(waiting, step.account);
    return chosen === undefined ? undefined : await reauthorise(fixture, actors, chosen, step.visit);
  }
  if (account === undefined) return;
  switch (step.kind) {
    case 'cancel':
      return await cancelAccount(fixture, actors, account, step.signalLost);
    case 'rule':
      return await createRule(fixture, account, step.rule);
    case 'delete_rule':
      return await deleteRule(fixture, account, step.rule);
    case 'restore':
      return await restoreRules(fixture, account, step.times);
    case 'reconnect':
      return await reconnect(fixture, actors, account, step);
    case 'reprocess':
      return await reprocess(fixture, account, step.firstOnly);
    case 'wake':
      return await fixture.sage.wakeAccount(account);
    default:
      return unreachable(step);
  }
}

/** A customer with a company begins the way to one of its bank accounts; without one there is nothing to begin. */
export async function beginLink(
  fixture: SageBankingFixture,
  actors: SageBankingActors,
  customer: SageBankingCustomer,
  link: PlannedLink,
): Promise<void> {
  const companies = await sageBankingCompanies(fixture, actors);
  const company = companies.find(({ customerId }) => customerId === customer.customerId);
  const bankAccount = pick(customer.bankAccounts, link.account);
  if (company === undefined || bankAccount === undefined) return;
  const { connectionId } = company;
  const linkId = randomUUID();
  const isDirect = bankAccount.kind === 'direct';
  await startLink(fixture, actors, link.startLost, {
    ...{ linkId, customerId: customer.customerId, connectionId, bankId: bankAccount.bankId },
    ...{ purpose: isDirect ? 'direct' : 'link', bankName: null, sageAccountId: null },
    requestedStartDate: link.startDate,
    accountSealed: isDirect ? toldSealed(fixture, linkId, bankAccount) : null,
  });
  actors.links.set(linkId, { customer, bankAccount });
  if (isDirect) bankAccount.isWanted = true;
  if (isDirect || link.visit === 'leave' || link.startLost) return;
  await fixture.sleep(pageShownMs);
  await visitBank(fixture, actors, { customer, success: link.visit === 'grant' });
}

function toldSealed(
  { keyring }: SageBankingFixture,
  linkId: string,
  { name, number }: SageBankingBankAccount,
): string {
  const told = {
    accountName: name,
    accountIdentifier: number,
    bankIdentifier: '20-40-60',
    accountType: null,
  };
  return seal(keyring, JSON.stringify(told), { table: 'sage_links', row: linkId, column: 'account' });
}

async function startLink(
  fixture: SageBankingFixture,
  actors: SageBankingActors,
  startLost: boolean,
  link: NewSageLink & { linkId: string },
): Promise<void> {
  const call = async () => {
    await transaction(fixture.pool, (db) => insertSageLink(db, link));
    await fixture.sage.startLink(link);
  };
  if (!startLost) return await call();
  await transaction(fixture.pool, (db) => insertSageLink(db, link));
  actors.unacknowledged.push(call);
}

export async function reauthorise(
  fixture: SageBankingFixture,
  actors: SageBankingActors,
  account: SageAccountRow,
  visit: PlannedLink['visit'],
): Promise<void> {
  const { customerId, connectionId, bankId, bankName, sageAccountId } = account;
  const customer = actors.customers.find((other) => other.customerId === customerId);
  if (customer === undefined) return;
  await startLink(fixture, actors, false, {
    ...{ linkId: randomUUID(), customerId, connectionId, purpose: 'reauthorise', bankId, bankName },
    ...{ requestedStartDate: null, sageAccountId, accountSealed: null },
  });
  if (visit === 'leave') return;
  await fixture.sleep(pageShownMs);
  await visitBank(fixture, actors, { customer, success: visit === 'grant' });
}

/** Without a wake-up the account's own next check finds it. */
export async function cancelAccount(
  fixture: SageBankingFixture,
  actors: SageBankingActors,
  account: SageAccountRow,
  signalLost = false,
): Promise<void> {
  const { bankAccountId, sageAccountId } = account;
  const { status } = (await fixture.control('GET', `/accounts/${bankAccountId}`)) as { status: string };
  const standing = status === 'cancelled' ? [] : [...(await noteBook(fixture, actors, bankAccountId)).keys()];
  actors.atCancellation.set(sageAccountId, standing);
  for (const { bankAccount, customer } of actors.links.values()) {
    if (customer.customerId === account.customerId && bankAccount.name === account.name)
      bankAccount.isWanted = false;
  }
  const asked = await requestSageCancellation(fixture.pool, { sageAccountId });
  if (signalLost || asked === null || asked.status === 'cancelled') return;
  await fixture.sage.wakeAccount({ sageAccountId });
}

/** The bank has something to say about an account that stands open at Sage. */
async function postStatement(
  fixture: SageBankingFixture,
  actors: SageBankingActors,
  step: { account: number; lines: readonly PlannedLine[]; authRequired: boolean },
): Promise<void> {
  const open = (await accountsAtSage(fixture, actors)).filter(({ status }) => status !== 'cancelled');
  const account = pick(open, step.account);
  if (account === undefined) return;
  // Only what a customer can authorise again may ask for it.
  const status = step.authRequired && account.dataProvider === 'indirect' ? { status: 'authRequired' } : {};
  await postLines(fixture, actors, { bankAccountId: account.bankAccountId, lines: step.lines, ...status });
}

export async function postLines(
  fixture: SageBankingFixture,
  actors: SageBankingActors,
  input: { bankAccountId: string; lines: readonly PlannedLine[]; status?: string },
): Promise<void> {
  const { bankAccountId, lines: transactions, status } = input;
  const answer = (await fixture.control('POST', `/accounts/${bankAccountId}/transactions`, {
    ...{ transactions, ...(status === undefined ? {} : { status }) },
  })) as { status: string };
  // The account may have been cancelled in between; then nothing was posted.
  if (answer.status === 'completed') await noteBook(fixture, actors, bankAccountId);
}

async function createRule(
  fixture: SageBankingFixture,
  account: SageAccountRow,
  { name, criteria, rank }: PlannedRule,
): Promise<void> {
  const checked = validateRule({
    ruleName: name,
    ...(rank === null ? {} : { ruleRank: rank }),
    ruleConditions: [
      { ruleField: 'transactionNarrative', ruleOperation: 'contains', ruleCriteria: criteria },
    ],
    ruleActions: [{ splitPercentage: 100, accountsPostings: [{ type: 'ledger', code: '5000' }] }],
  });
  if (!('rule' in checked)) throw new Error(JSON.stringify(checked.problems));
  await command(fixture, account, 'sage_create_rule', { rule: checked.rule });
}

async function deleteRule(
  fixture: SageBankingFixture,
  account: SageAccountRow,
  index: number,
): Promise<void> {
  const { rules } = (await fixture.control('GET', `/accounts/${account.bankAccountId}`)) as {
    rules: { ruleId: string }[];
  };
  const rule = pick(rules, index);
  if (rule !== undefined) await command(fixture, account, 'sage_delete_rule', { rule_id: rule.ruleId });
}

/** What is offered is chosen as a whole, and perhaps asked for twice at once. */
async function restoreRules(
  fixture: SageBankingFixture,
  account: SageAccountRow,
  times: number,
): Promise<void> {
  const listing = await command(fixture, account, 'sage_list_restorable_rules', {});
  await fixture.sleep(answerAwaitedMs);
  const listed = await readCommand(fixture.pool, listing);
  if (listed?.state !== 'done') return;
  const { rules } = listed.result as SageRestorableRulesResult;
  const rule_ids = rules.map(({ ruleId }) => ruleId);
  if (rule_ids.length === 0) return;
  for (let n = 0; n < times; n += 1) await command(fixture, account, 'sage_restore_rules', { rule_ids });
}

/** With nothing in the way it takes seconds; otherwise the customer does what it can, and goes. */
async function reconnect(
  fixture: SageBankingFixture,
  actors: SageBankingActors,
  account: SageAccountRow,
  { rule, times }: { rule: PlannedRule; times: number },
): Promise<void> {
  const customer = actors.customers.find(({ customerId }) => customerId === account.customerId);
  const bankAccount = customer?.bankAccounts.find(({ name }) => name === account.name);
  if (customer === undefined || bankAccount === undefined) return;
  await createRule(fixture, account, rule);
  await fixture.sleep(answerAwaitedMs);
  await cancelAccount(fixture, actors, account);
  await fixture.sleep(answerAwaitedMs);
  await beginLink(fixture, actors, customer, {
    ...{ account: bankAccount.index, startDate: '2024-01-01T00:00:00Z', visit: 'grant', startLost: false },
  });
  await fixture.sleep(linkedWithinMs);
  const again = (await openSageBankingAccounts(fixture, actors)).find(
    ({ customerId, name }) => customerId === customer.customerId && name === bankAccount.name,
  );
  if (again !== undefined) await restoreRules(fixture, again, times);
}

async function command(
  { pool, facade }: SageBankingFixture,
  { customerId, sageAccountId }: SageAccountRow,
  kind: SageCommandKind,
  input: SageCommandInput,
): Promise<{ commandId: string }> {
  const commandId = randomUUID();
  const order = { ...input, sage_account_id: sageAccountId };
  await insertCommand(pool, { commandId, customerId, kind, input: order, secretSealed: null });
  await facade.runCommand({ commandId, provider: 'sage' });
  return { commandId };
}

export async function reprocess(
  { pool, sage }: SageBankingFixture,
  { customerId, sageAccountId }: SageAccountRow,
  firstOnly: boolean,
): Promise<void> {
  const { rows } = await pool.query<{ id: string }>(
    `SELECT transaction_id AS id FROM sage_transactions WHERE sage_account_id = $1 ORDER BY transaction_id LIMIT 3`,
    [sageAccountId],
  );
  const transactionIds = firstOnly ? rows.map(({ id }) => Number(id)) : null;
  if (transactionIds?.length === 0) return;
  const reprocessId = randomUUID();
  const begun = await beginSageReprocess(pool, { reprocessId, sageAccountId, customerId, transactionIds });
  if (begun.outcome === 'running') await sage.startReprocess({ reprocessId: begun.reprocessId });
  if (begun.outcome === 'begun') await sage.startReprocess({ reprocessId: begun.reprocess.reprocessId });
}
