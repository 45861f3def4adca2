import { readNewestSageOnboarding } from '../../../src/db/sage-banking/onboardings.js';
import {
  openSageBankingAccounts,
  sageBankingAccounts,
  sageBankingCompanies,
  type SageBankingActors,
  type SageBankingCustomer,
} from './actors.js';
import type { SageBankingFixture } from './fixture.js';
import { typeCaptcha, beginOnboarding, resolveUnknownOutcome } from './onboarding.js';
import type { SageBankingPlan } from './plan.js';
import { beginLink, reauthorise } from './steps.js';
import { visitBank } from './visit.js';

/*
 * After the last fault: people do what only people can, as often as it takes, and all else is left alone until nothing
 * is on its way any more.
 */

const roundsMax = 30;
/** Between two checks of people at what there is to do: soon at first, then seldom. */
const soonMs = 2 * 60_000;
const seldomMs = 10 * 60_000;
const soonRounds = 10;
/** A refusal that was no fault's is the same the next time. */
const againMax = 3;

/** Answers what is still on its way in the end, each in a sentence. */
export async function completeSageBanking(
  fixture: SageBankingFixture,
  actors: SageBankingActors,
  { lostStartsFoundBy }: Pick<SageBankingPlan, 'lostStartsFoundBy'>,
): Promise<string[]> {
  const again = new Map<string, number>();
  const mayAgain = (what: string) => {
    const tries = (again.get(what) ?? 0) + 1;
    again.set(what, tries);
    return tries <= againMax;
  };
  let left: string[] = [];
  for (let round = 1; round <= roundsMax; round += 1) {
    if (lostStartsFoundBy === 'repair') await fixture.repair();
    else for (const call of actors.unacknowledged.splice(0)) await call();
    for (const customer of actors.customers) await actFor(fixture, actors, { customer, mayAgain });
    await fixture.sleep(round <= soonRounds ? soonMs : seldomMs);
    left = [...(await underWay(fixture, actors)), ...(await toBeDone(fixture, actors, mayAgain))];
    if (left.length === 0) return [];
  }
  return left.map((what) => `not quiet after ${String(roundsMax)} rounds without a fault: ${what}`);
}

interface Turn {
  readonly customer: SageBankingCustomer;
  readonly mayAgain: (what: string) => boolean;
}

async function actFor(fixture: SageBankingFixture, actors: SageBankingActors, turn: Turn): Promise<void> {
  const { customer, mayAgain } = turn;
  const onboarding = await readNewestSageOnboarding(fixture.pool, customer);
  const { customerId } = customer;
  const hasCompany = (await sageBankingCompanies(fixture, actors)).some(
    (company) => company.customerId === customerId,
  );
  if (onboarding === null || (onboarding.state === 'refused' && !hasCompany)) {
    if (mayAgain(`onboard ${customerId}`)) await beginOnboarding(fixture, customer);
  }
  await typeCaptcha(fixture, actors, { customer, way: 'right' });
  await resolveUnknownOutcome(fixture, actors, customer);
  await visitBank(fixture, actors, { customer, success: true });
  for (const account of await openSageBankingAccounts(fixture, actors)) {
    if (account.customerId !== customerId || account.status !== 'authRequired') continue;
    if (await hasLinkOf(fixture, account.sageAccountId)) continue;
    await reauthorise(fixture, actors, account, 'grant');
  }
  for (const bankAccount of await missingAccounts(fixture, actors, customer)) {
    if (!mayAgain(`link ${bankAccount.number}`)) continue;
    const startDate = '2024-01-01T00:00:00Z';
    await beginLink(fixture, actors, customer, {
      ...{ account: bankAccount.index, startDate, visit: 'grant', startLost: false },
    });
  }
}

/** What the customer wants connected and is not, with nothing under way for it. */
async function missingAccounts(
  fixture: SageBankingFixture,
  actors: SageBankingActors,
  customer: SageBankingCustomer,
) {
  const accounts = (await sageBankingAccounts(fixture, actors)).filter(
    (row) => row.customerId === customer.customerId && row.status !== 'cancelled',
  );
  const { rows } = await fixture.pool.query<{ linkId: string }>(
    `SELECT link_id AS "linkId" FROM sage_links WHERE customer_id = $1 AND state = 'waiting'`,
    [customer.customerId],
  );
  const underWay = new Set(rows.map(({ linkId }) => actors.links.get(linkId)?.bankAccount));
  return customer.bankAccounts.filter(
    (bankAccount) =>
      bankAccount.isWanted &&
      !underWay.has(bankAccount) &&
      !accounts.some((row) => row.name === bankAccount.name),
  );
}

async function hasLinkOf({ pool }: SageBankingFixture, sageAccountId: string): Promise<boolean> {
  const { rowCount } = await pool.query(
    `SELECT FROM sage_links WHERE sage_account_id = $1 AND state = 'waiting'`,
    [sageAccountId],
  );
  return rowCount !== 0;
}

/** Rows that say of themselves that they are not at their end. An account that waits for its bank is none. */
async function underWay({ pool }: SageBankingFixture, actors: SageBankingActors): Promise<string[]> {
  const customers = actors.customers.map(({ customerId }) => customerId);
  const { rows } = await pool.query<{ what: string }>(
    `SELECT 'onboarding ' || state || ' ' || coalesce(reason, '') AS what FROM sage_onboardings
      WHERE customer_id = ANY ($1) AND state NOT IN ('ready', 'refused')
     UNION ALL SELECT 'link ' || purpose FROM sage_links WHERE customer_id = ANY ($1) AND state = 'waiting'
     UNION ALL SELECT 'command ' || kind FROM commands WHERE customer_id = ANY ($1) AND state = 'running'
     UNION ALL SELECT 'reprocess run' FROM sage_reprocesses WHERE customer_id = ANY ($1) AND state = 'running'
     UNION ALL SELECT 'account ' || status || ' ' || coalesce(reason, 'to be cancelled') FROM sage_accounts
      WHERE customer_id = ANY ($1) AND status <> 'cancelled'
        AND (reason IS NOT NULL OR status = 'authRequired' OR cancel_requested_at IS NOT NULL)`,
    [customers],
  );
  return rows.map(({ what }) => what);
}

async function toBeDone(
  fixture: SageBankingFixture,
  actors: SageBankingActors,
  mayAgain: (what: string) => boolean,
): Promise<string[]> {
  const left: string[] = [];
  for (const customer of actors.customers) {
    for (const { kind, number } of await missingAccounts(fixture, actors, customer)) {
      const hasCompany = (await sageBankingCompanies(fixture, actors)).some(
        (company) => company.customerId === customer.customerId,
      );
      if (hasCompany && mayAgain(`see ${number}`)) left.push(`a ${kind} account that is not connected`);
    }
  }
  return left;
}
