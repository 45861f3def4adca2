import { createRoadCast, openRoadAccounts, roadAccounts, type RoadCast } from './actors.js';
import type { SageRoadGround } from './fixture.js';
import { sageLooks } from './fixture.js';
import { answerPicture, beginOnboarding } from './onboarding.js';
import { settleSageRoad } from './customers.js';
import type { SageRoadPlan } from './plan.js';
import { judgeSageBooks, judgeSageEnd, judgeSagePredictions } from './checker.js';
import { judgeSageHistories } from './histories.js';
import { judgeSageOnboardings } from './onboarding-checker.js';
import { beginLink, cancelAccount, postLines, reprocess, takeSageStep } from './steps.js';
import { SageRoadWatch } from './watch.js';

/** Requests that a run may make at most: nothing may ask again and again for nothing. */
const requestsMax = 1_500;
const onboardedMs = 4_000;
const pictureAnsweredMs = 4_000;
/** One poll at the longest period. */
const linkedMs = 65_000;
/** Every account is looked at within this. */
const lookedAtMs = sageLooks.statusPollMaxMs + 2 * 60_000;
const reprocessedMs = 60_000;
const cancelledMs = 2 * 60_000;

export interface SageRoadRun {
  /** One sentence each; none means that all invariants held. */
  readonly breaches: readonly string[];
  /** What the run has exercised. */
  readonly seen: Readonly<Record<string, number>>;
}

/** Lives through a plan to the end and judges what came of it. Leaves no workflow behind. */
export async function runSageRoad(ground: SageRoadGround, plan: SageRoadPlan): Promise<SageRoadRun> {
  await ground.control('DELETE', '/violations');
  await ground.control('POST', '/environment', { environment: plan.environment });
  await ground.control('POST', '/knobs', plan.knobs);
  const watch = new SageRoadWatch(plan.troubles);
  ground.watch(watch);
  const cast = await createRoadCast(ground, plan);
  for (const spec of plan.faultsFirst) await ground.control('POST', '/faults', spec);
  await begin(ground, cast);
  for (const { step, thenWaitMs } of plan.steps) {
    await takeSageStep(ground, cast, step);
    if (thenWaitMs > 0) await ground.sleep(thenWaitMs);
  }
  const faults = await endFaults(ground, watch);
  const breaches = await settleSageRoad(ground, cast, plan);
  breaches.push(...(await lastDay(ground, cast)));
  breaches.push(...(await judgeSageOnboardings(ground, { cast, plan, watch })));
  breaches.push(...(await judgeSageBooks(ground, { cast, watch })));
  const counts = await count(ground, cast);
  breaches.push(...(await endAll(ground, { cast, watch })));
  breaches.push(...(await judgeSageHistories(ground, cast)));
  if (watch.requests > requestsMax) breaches.push(`${String(watch.requests)} requests in one run`);
  const { violations } = (await ground.control('GET', '/violations')) as { violations: unknown[] };
  breaches.push(...violations.map((violation) => `the sandbox: ${JSON.stringify(violation)}`));
  ground.watch(null);
  const { attempts, struck, requests, lostOrganisationAnswers } = watch;
  return { breaches, seen: { ...counts, attempts, struck, requests, faults, lostOrganisationAnswers } };
}

/** Each customer is onboarded, as far as faults let it, and begins its first links. */
async function begin(ground: SageRoadGround, cast: RoadCast): Promise<void> {
  for (const customer of cast.customers) await beginOnboarding(ground, customer);
  await ground.sleep(onboardedMs);
  for (const customer of cast.customers) {
    const ways = customer.planned.kind === 'desktop' ? [...customer.captchas, 'right' as const] : [];
    for (const way of ways) {
      await answerPicture(ground, cast, { customer, way });
      await ground.sleep(pictureAnsweredMs);
    }
    for (const link of customer.planned.links) await beginLink(ground, cast, customer, link);
  }
  await ground.sleep(linkedMs);
}

/** Answers how many faults were met. */
async function endFaults(ground: SageRoadGround, watch: SageRoadWatch): Promise<number> {
  const { faults } = (await ground.control('GET', '/faults')) as { faults: { fired: number }[] };
  await ground.control('DELETE', '/faults');
  await ground.control('POST', '/knobs', { reprocessRunMs: 500 });
  watch.calm();
  return faults.reduce((sum, { fired }) => sum + fired, 0);
}

/** Nobody does anything more but the banks, once, and the rules, once: both are found without a hand. */
async function lastDay(ground: SageRoadGround, cast: RoadCast): Promise<string[]> {
  const lines = [{ transactionAmount: -4.2, narrative1: 'CARD COFFEE last' }];
  for (const { bankAccountId } of await openRoadAccounts(ground, cast)) {
    await postLines(ground, cast, { bankAccountId, lines });
  }
  await ground.sleep(lookedAtMs);
  for (const account of await openRoadAccounts(ground, cast)) await reprocess(ground, account, false);
  await ground.sleep(reprocessedMs);
  return await judgeSagePredictions(ground, cast);
}

/** Nothing is terminated: this server would never skip time again after an activity outlived its workflow. */
async function endAll(
  ground: SageRoadGround,
  { cast, watch }: { cast: RoadCast; watch: SageRoadWatch },
): Promise<string[]> {
  for (const account of await openRoadAccounts(ground, cast)) await cancelAccount(ground, cast, account);
  await ground.sleep(cancelledMs);
  return await judgeSageEnd(ground, { cast, watch });
}

async function count(ground: SageRoadGround, cast: RoadCast): Promise<Record<string, number>> {
  const accounts = await roadAccounts(ground, cast);
  const customers = cast.customers.map(({ customerId }) => customerId);
  const { rows } = await ground.pool.query<{ kind: string; count: number }>(
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

/** What a soak's line of sums shows, so that a world in which nothing happens is seen. */
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
  'sage_account_trouble',
];
