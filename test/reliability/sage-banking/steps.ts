import { randomUUID } from 'node:crypto';
import { requestSageCancellation } from '../../../src/db/sage-banking/account-life.js';
import type { SageAccountRow } from '../../../src/db/sage-banking/accounts.js';
import { beginSageReprocess } from '../../../src/db/sage-banking/reprocesses.js';
import { unreachable } from '../../../src/domain/feed.js';
import { accountsAtSage, listOpenAccounts, pick, updateBook, type Actors } from './actors.js';
import type { SageBankingFixture } from './fixture.js';
import { beginLink, reauthorise, visitBank } from './links.js';
import { actOnCaptcha, beginOnboarding, resolveUnknownOutcome } from './onboarding.js';
import type { PlannedLine, PlannedRule, Step } from './plan.js';
import { commandAwaitedMs, createRule, deleteRule, restoreRules } from './rules.js';

/*
 * The steps of a plan: what customers, banks and API callers do. Each step uses the code of the routes: first the row is
 * written, then the workflow is called.
 */

/** Two polls at the longest period. */
const linkedWithinMs = 125_000;

export async function takeStep(fixture: SageBankingFixture, actors: Actors, step: Step): Promise<void> {
  const customer = 'customer' in step ? pick(actors.customers, step.customer) : undefined;
  switch (step.kind) {
    case 'onboard':
      return customer === undefined ? undefined : await beginOnboarding(fixture, customer);
    case 'captcha':
      return customer === undefined
        ? undefined
        : await actOnCaptcha(fixture, actors, { customer, response: step.response });
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
  Step,
  { kind: 'onboard' | 'captcha' | 'resolve' | 'link' | 'visit' | 'fault' | 'statement' }
>;

async function takeAccountStep(
  fixture: SageBankingFixture,
  actors: Actors,
  step: AccountStep,
): Promise<void> {
  const open = await listOpenAccounts(fixture, actors);
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

/** Requests the cancellation of an account. Without the signal the next check of the account finds the request. */
export async function cancelAccount(
  fixture: SageBankingFixture,
  actors: Actors,
  account: SageAccountRow,
  signalLost = false,
): Promise<void> {
  const { bankAccountId, sageAccountId } = account;
  const { status } = (await fixture.control('GET', `/accounts/${bankAccountId}`)) as { status: string };
  const transactionIds =
    status === 'cancelled' ? [] : [...(await updateBook(fixture, actors, bankAccountId)).keys()];
  actors.atCancellation.set(sageAccountId, transactionIds);
  for (const { bankAccount, customer } of actors.links.values()) {
    if (customer.customerId === account.customerId && bankAccount.name === account.name)
      bankAccount.isWanted = false;
  }
  const requested = await requestSageCancellation(fixture.pool, { sageAccountId });
  if (signalLost || requested === null || requested.status === 'cancelled') return;
  await fixture.sage.wakeAccount({ sageAccountId });
}

/** The bank posts transactions of an account that is open at Sage, or requires a new authorization. */
async function postStatement(
  fixture: SageBankingFixture,
  actors: Actors,
  step: { account: number; lines: readonly PlannedLine[]; authRequired: boolean },
): Promise<void> {
  const open = (await accountsAtSage(fixture, actors)).filter(({ status }) => status !== 'cancelled');
  const account = pick(open, step.account);
  if (account === undefined) return;
  // Only an indirect account can be authorized again.
  const status = step.authRequired && account.dataProvider === 'indirect' ? { status: 'authRequired' } : {};
  await postLines(fixture, actors, { bankAccountId: account.bankAccountId, lines: step.lines, ...status });
}

export async function postLines(
  fixture: SageBankingFixture,
  actors: Actors,
  input: { bankAccountId: string; lines: readonly PlannedLine[]; status?: string },
): Promise<void> {
  const { bankAccountId, lines: transactions, status } = input;
  const answer = (await fixture.control('POST', `/accounts/${bankAccountId}/transactions`, {
    transactions,
    ...(status === undefined ? {} : { status }),
  })) as { status: string };
  // If the account was cancelled in between, nothing was posted.
  if (answer.status === 'completed') await updateBook(fixture, actors, bankAccountId);
}

/** The customer creates a rule, disconnects the account, links it again and restores the rules, as far as faults allow. */
async function reconnect(
  fixture: SageBankingFixture,
  actors: Actors,
  account: SageAccountRow,
  { rule, times }: { rule: PlannedRule; times: number },
): Promise<void> {
  const customer = actors.customers.find(({ customerId }) => customerId === account.customerId);
  const bankAccount = customer?.bankAccounts.find(({ name }) => name === account.name);
  if (customer === undefined || bankAccount === undefined) return;
  await createRule(fixture, account, rule);
  await fixture.sleep(commandAwaitedMs);
  await cancelAccount(fixture, actors, account);
  await fixture.sleep(commandAwaitedMs);
  await beginLink(fixture, actors, customer, {
    account: bankAccount.index,
    startDate: '2024-01-01T00:00:00Z',
    visit: 'grant',
    startLost: false,
  });
  await fixture.sleep(linkedWithinMs);
  const again = (await listOpenAccounts(fixture, actors)).find(
    ({ customerId, name }) => customerId === customer.customerId && name === bankAccount.name,
  );
  if (again !== undefined) await restoreRules(fixture, again, times);
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
