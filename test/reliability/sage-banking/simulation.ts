import {
  createSageBankingActors,
  openSageBankingAccounts,
  sageBankingAccounts,
  type SageBankingActors,
} from './actors.js';
import type { SageBankingFixture } from './fixture.js';
import { sageChecks } from './fixture.js';
import { typeCaptcha, beginOnboarding } from './onboarding.js';
import { completeSageBanking } from './customers.js';
import type { SageBankingPlan } from './plan.js';
import { checkSageBooks, checkSageEnd, checkSagePredictions } from './checker.js';
import { checkSageHistories } from './histories.js';
import { checkSageOnboardings } from './onboarding-checker.js';
import { beginLink, cancelAccount, postLines, reprocess, takeSageStep } from './steps.js';
import { SageBankingWatch } from './watch.js';

/** Requests that a run may make at most: nothing may ask again and again for nothing. */
const requestsMax = 1_500;
const onboardedMs = 4_000;
const captchaAnsweredMs = 4_000;
/** One poll at the longest period. */
const linkedMs = 65_000;
/** Every account is checked within this. */
const checkedAtMs = sageChecks.statusPollMaxMs + 2 * 60_000;
const reprocessedMs = 60_000;
const cancelledMs = 2 * 60_000;

export interface SageBankingRun {
  /** One sentence each; none means that all invariants held. */
  readonly breaches: readonly string[];
  /** What the run has exercised. */
  readonly seen: Readonly<Record<string, number>>;
}

/** Lives through a plan to the end and checks what came of it. Leaves no workflow behind. */
export async function runSageBanking(
  fixture: SageBankingFixture,
  plan: SageBankingPlan,
): Promise<SageBankingRun> {
  await fixture.control('DELETE', '/violations');
  await fixture.control('POST', '/environment', { environment: plan.environment });
  await fixture.control('POST', '/knobs', plan.knobs);
  const watch = new SageBankingWatch(plan.failures);
  fixture.watch(watch);
  const actors = await createSageBankingActors(fixture, plan);
  for (const spec of plan.faultsFirst) await fixture.control('POST', '/faults', spec);
  await begin(fixture, actors);
  for (const { step, thenWaitMs } of plan.steps) {
    await takeSageStep(fixture, actors, step);
    if (thenWaitMs > 0) await fixture.sleep(thenWaitMs);
  }
  const faults = await endFaults(fixture, watch);
  const breaches = await completeSageBanking(fixture, actors, plan);
  breaches.push(...(await lastDay(fixture, actors)));
  breaches.push(...(await checkSageOnboardings(fixture, { actors, plan, watch })));
  breaches.push(...(await checkSageBooks(fixture, { actors, watch })));
  const counts = await count(fixture, actors);
  breaches.push(...(await endAll(fixture, { actors, watch })));
  breaches.push(...(await checkSageHistories(fixture, actors)));
  if (watch.requests > requestsMax) breaches.push(`${String(watch.requests)} requests in one run`);
  const { violations } = (await fixture.control('GET', '/violations')) as { violations: unknown[] };
  breaches.push(...violations.map((violation) => `the sandbox: ${JSON.stringify(violation)}`));
  fixture.watch(null);
  const { attempts, struck, requests, lostOrganisationAnswers } = watch;
  return { breaches, seen: { ...counts, attempts, struck, requests, faults, lostOrganisationAnswers } };
}

/** Each customer is onboarded, as far as faults let it, and begins its first links. */
async function begin(fixture: SageBankingFixture, actors: SageBankingActors): Promise<void> {
  for (const customer of actors.customers) await beginOnboarding(fixture, customer);
  await fixture.sleep(onboardedMs);
  for (const customer of actors.customers) {
    const ways = customer.planned.kind === 'desktop' ? [...customer.captchas, 'right' as const] : [];
    for (const way of ways) {
      await typeCaptcha(fixture, actors, { customer, way });
      await fixture.sleep(captchaAnsweredMs);
    }
    for (const link of customer.planned.links) await beginLink(fixture, actors, customer, link);
  }
  await fixture.sleep(linkedMs);
}

/** Answers how many faults were met. */
async function endFaults(fixture: SageBankingFixture, watch: SageBankingWatch): Promise<number> {
  const { faults } = (await fixture.control('GET', '/faults')) as { faults: { fired: number }[] };
  await fixture.control('DELETE', '/faults');
  await fixture.control('POST', '/knobs', { reprocessRunMs: 500 });
  watch.calm();
  return faults.reduce((sum, { fired }) => sum + fired, 0);
}

/** Nobody does anything more but the banks, once, and the rules, once: both are found without a hand. */
async function lastDay(fixture: SageBankingFixture, actors: SageBankingActors): Promise<string[]> {
  const lines = [{ transactionAmount: -4.2, narrative1: 'CARD COFFEE last' }];
  for (const { bankAccountId } of await openSageBankingAccounts(fixture, actors)) {
    await postLines(fixture, actors, { bankAccountId, lines });
  }
  await fixture.sleep(checkedAtMs);
  for (const account of await openSageBankingAccounts(fixture, actors))
    await reprocess(fixture, account, false);
  await fixture.sleep(reprocessedMs);
  return await checkSagePredictions(fixture, actors);
}

/** Nothing is terminated: this server would never skip time again after an activity outlived its workflow. */
async function endAll(
  fixture: SageBankingFixture,
  { actors, watch }: { actors: SageBankingActors; watch: SageBankingWatch },
): Promise<string[]> {
  for (const account of await openSageBankingAccounts(fixture, actors))
    await cancelAccount(fixture, actors, account);
  await fixture.sleep(cancelledMs);
  return await checkSageEnd(fixture, { actors, watch });
}

async function count(
  fixture: SageBankingFixture,
  actors: SageBankingActors,
): Promise<Record<string, number>> {
  const accounts = await sageBankingAccounts(fixture, actors);
  const customers = actors.customers.map(({ customerId }) => customerId);
  const { rows } = await fixture.pool.query<{ kind: string; count: number }>(
    `SELECT kind, count(*)::int AS count FROM timeline
      WHERE customer_id = ANY ($1) AND kind = ANY ($2) GROUP BY kind`,
    [customers, toldKinds],
  );
  return {
    accounts: accounts.length,
    transactions: accounts.reduce((sum, { received }) => sum + received, 0),
    ...Object.fromEntries(rows.map(({ kind, count: times }) => [kind.replace('sage_', ''), times])),
  };
}

/** What a soak's line of sums shows, so that a simulation in which nothing happens is seen. */
const toldKinds = [
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
