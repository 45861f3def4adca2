import { createActors, listOpenAccounts, listAccounts, type Actors } from './actors.js';
import type { SageBankingFixture } from './fixture.js';
import { statusPolling } from './fixture.js';
import { actOnCaptcha, beginOnboarding } from './onboarding.js';
import { finishOpenWork } from './finish-open-work.js';
import type { SageBankingPlan } from './plan.js';
import type { RunReport } from '../seeded-run.js';
import { checkOpenAccounts, checkCancelledAccounts, checkSuggestions } from './checker.js';
import { checkHistories } from './histories-checker.js';
import { checkOnboardings } from './onboarding-checker.js';
import { beginLink } from './links.js';
import { cancelAccount, postLines, reprocess, takeStep } from './steps.js';
import { RunMonitor } from './monitor.js';

/** The most requests of a run: nothing may poll without need. */
const requestsMax = 1_500;
const onboardedMs = 4_000;
const captchaAnsweredMs = 4_000;
/** One poll at the longest period. */
const linkedMs = 65_000;
/** Every account is checked within this time. */
const checkedAtMs = statusPolling.statusPollMaxMs + 2 * 60_000;
const reprocessedMs = 60_000;
const cancelledMs = 2 * 60_000;

/** Runs a plan to its end and checks the result. Leaves no workflow behind. */
export async function runSageBankingPlan(
  fixture: SageBankingFixture,
  plan: SageBankingPlan,
): Promise<RunReport> {
  await fixture.control('DELETE', '/violations');
  await fixture.control('POST', '/environment', { environment: plan.environment });
  await fixture.control('POST', '/knobs', plan.knobs);
  const monitor = new RunMonitor(plan.failures);
  fixture.monitor(monitor);
  const actors = await createActors(fixture, plan);
  for (const spec of plan.faultsFirst) await fixture.control('POST', '/faults', spec);
  await startCustomers(fixture, actors);
  for (const { step, thenWaitMs } of plan.steps) {
    await takeStep(fixture, actors, step);
    if (thenWaitMs > 0) await fixture.sleep(thenWaitMs);
  }
  const faults = await endFaults(fixture, monitor);
  const violations = await finishOpenWork(fixture, actors, plan);
  violations.push(...(await lastDay(fixture, actors)));
  violations.push(...(await checkOnboardings(fixture, { actors, plan, monitor })));
  violations.push(...(await checkOpenAccounts(fixture, { actors, monitor })));
  const counts = await count(fixture, actors);
  violations.push(...(await endAll(fixture, { actors, monitor })));
  violations.push(...(await checkHistories(fixture, actors)));
  if (monitor.requests > requestsMax) violations.push(`${String(monitor.requests)} requests in one run`);
  const sandbox = (await fixture.control('GET', '/violations')) as { violations: unknown[] };
  violations.push(...sandbox.violations.map((violation) => `the sandbox: ${JSON.stringify(violation)}`));
  fixture.monitor(null);
  const { attempts, injected, requests, lostOrganisationAnswers } = monitor;
  return {
    violations,
    exercised: { ...counts, attempts, injected, requests, faults, lostOrganisationAnswers },
  };
}

/** Each customer is onboarded, as far as faults allow, and starts its first links. */
async function startCustomers(fixture: SageBankingFixture, actors: Actors): Promise<void> {
  for (const customer of actors.customers) await beginOnboarding(fixture, customer);
  await fixture.sleep(onboardedMs);
  for (const customer of actors.customers) {
    const responses = customer.planned.kind === 'desktop' ? [...customer.captchas, 'right' as const] : [];
    for (const response of responses) {
      await actOnCaptcha(fixture, actors, { customer, response });
      await fixture.sleep(captchaAnsweredMs);
    }
    for (const link of customer.planned.links) await beginLink(fixture, actors, customer, link);
  }
  await fixture.sleep(linkedMs);
}

/** Ends all faults. Returns how many occurred. */
async function endFaults(fixture: SageBankingFixture, monitor: RunMonitor): Promise<number> {
  const { faults } = (await fixture.control('GET', '/faults')) as { faults: { fired: number }[] };
  await fixture.control('DELETE', '/faults');
  await fixture.control('POST', '/knobs', { reprocessRunMs: 500 });
  monitor.stopFailures();
  return faults.reduce((sum, { fired }) => sum + fired, 0);
}

/** Banks post once more and each account is reprocessed once: the service must find both results by itself. */
async function lastDay(fixture: SageBankingFixture, actors: Actors): Promise<string[]> {
  const lines = [{ transactionAmount: -4.2, narrative1: 'CARD COFFEE last' }];
  for (const { bankAccountId } of await listOpenAccounts(fixture, actors)) {
    await postLines(fixture, actors, { bankAccountId, lines });
  }
  await fixture.sleep(checkedAtMs);
  for (const account of await listOpenAccounts(fixture, actors)) await reprocess(fixture, account, false);
  await fixture.sleep(reprocessedMs);
  return await checkSuggestions(fixture, actors);
}

/** Ends all workflows regularly. The test server skips no time after an activity that outlived a terminated workflow. */
async function endAll(
  fixture: SageBankingFixture,
  { actors, monitor }: { actors: Actors; monitor: RunMonitor },
): Promise<string[]> {
  for (const account of await listOpenAccounts(fixture, actors))
    await cancelAccount(fixture, actors, account);
  await fixture.sleep(cancelledMs);
  return await checkCancelledAccounts(fixture, { actors, monitor });
}

async function count(fixture: SageBankingFixture, actors: Actors): Promise<Record<string, number>> {
  const accounts = await listAccounts(fixture, actors);
  const customers = actors.customers.map(({ customerId }) => customerId);
  const { rows } = await fixture.pool.query<{ kind: string; count: number }>(
    `SELECT kind, count(*)::int AS count FROM timeline
      WHERE customer_id = ANY ($1) AND kind = ANY ($2) GROUP BY kind`,
    [customers, countedKinds],
  );
  return {
    accounts: accounts.length,
    transactions: accounts.reduce((sum, { received }) => sum + received, 0),
    ...Object.fromEntries(rows.map(({ kind, count: times }) => [kind.replace('sage_', ''), times])),
  };
}

/** Timeline entries in the sums of a soak test, which show that simulations really exercise the channel. */
const countedKinds = [
  'sage_onboarding_in_doubt',
  'sage_onboarding_ready',
  'sage_onboarding_refused',
  'sage_link_done',
  'sage_link_failed',
  'sage_link_begun_again',
  'sage_rule_created',
  'sage_rules_restored',
  'sage_reprocess_done',
  'sage_reprocess_failed',
  'sage_account_failing',
];
