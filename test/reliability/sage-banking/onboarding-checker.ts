import { organisationLimit } from '../../../sandbox/sage-banking/assumptions.js';
import { accessOf, readSageCompanyOfOnboarding } from '../../../src/db/sage-banking/companies.js';
import { readSageOnboarding, type SageOnboardingRow } from '../../../src/db/sage-banking/onboardings.js';
import {
  captchaFailuresMax,
  type SageOnboardingReason,
} from '../../../src/domain/sage-banking/onboarding.js';
import type { Actors, SimulatedCustomer } from './actors.js';
import type { SageBankingFixture } from './fixture.js';
import { organisationsAtSage, organisationsOf } from './onboarding.js';
import type { SageBankingPlan } from './plan.js';
import type { RunMonitor } from './monitor.js';

interface Checked {
  readonly actors: Actors;
  readonly plan: SageBankingPlan;
  readonly monitor: RunMonitor;
}

/** Refusals that only a fault explains. */
const faultReasons: readonly (SageOnboardingReason | null)[] = ['provider_refused', 'invalid_request'];

/** Each ready onboarding has one organisation, a refused one has none, and `in_doubt` occurs only for unknown outcomes. */
export async function checkOnboardings(
  fixture: SageBankingFixture,
  { actors, plan, monitor }: Checked,
): Promise<string[]> {
  const found: string[] = [];
  for (const customer of actors.customers) {
    const { rows } = await fixture.pool.query<{ onboardingId: string }>(
      `SELECT onboarding_id AS "onboardingId" FROM sage_onboardings WHERE customer_id = $1`,
      [customer.customerId],
    );
    for (const { onboardingId } of rows) {
      const row = await readSageOnboarding(fixture.pool, { onboardingId });
      if (row === null) continue;
      if (row.state === 'ready') found.push(...(await checkReady(fixture, row)));
      else found.push(...(await checkRefused(fixture, { row, customer, plan, monitor })));
    }
  }
  found.push(...(await checkUnknownOutcomes(fixture, { actors, monitor })));
  if (plan.environment === 'production') found.push(...(await checkLicences(fixture, actors)));
  return found;
}

async function checkReady(fixture: SageBankingFixture, row: SageOnboardingRow): Promise<string[]> {
  const organisations = await organisationsOf(fixture, row);
  const [organisation] = organisations;
  if (organisation === undefined || organisations.length > 1)
    return [`an onboarding is ready and has ${String(organisations.length)} organisations at Sage`];
  const company = await readSageCompanyOfOnboarding(fixture.pool, row);
  if (company === null) return ['an onboarding is ready and has no company'];
  const { organisationId, companyId, signingKey } = accessOf(fixture.keyring, company);
  const key = (await fixture.control('GET', `/organisations/${organisation.id}/key`)) as {
    signing_key: string;
  };
  const isTrue =
    organisationId === organisation.id &&
    companyId === organisation.companies[0]?.id &&
    signingKey === key.signing_key;
  return isTrue ? [] : ['a company has other ids, or another key, than its organisation at Sage'];
}

interface Refused extends Pick<Checked, 'plan' | 'monitor'> {
  readonly row: SageOnboardingRow;
  readonly customer: SimulatedCustomer;
}

async function checkRefused(
  fixture: SageBankingFixture,
  { row, customer, plan, monitor }: Refused,
): Promise<string[]> {
  if (row.state !== 'refused') return [`an onboarding is ${row.state} at the end (${row.reason ?? ''})`];
  const organisations = await organisationsOf(fixture, row);
  if (organisations.length > 0)
    return [`an onboarding is refused (${row.reason ?? ''}) and has organisations`];
  return (await isTrueReason(fixture, { row, customer, plan, monitor }))
    ? []
    : [`an onboarding is refused for ${row.reason ?? 'nothing'}, which is not the true reason`];
}

async function isTrueReason(
  fixture: SageBankingFixture,
  { row, customer, plan, monitor }: Refused,
): Promise<boolean> {
  switch (row.reason) {
    case 'invalid_customer':
      return row.kind === 'desktop' && (!customer.planned.licenceIsValid || monitor.refusalsWithoutBody > 0);
    case 'organisation_limit': {
      const existing = await organisationsOfLicence(fixture, customer);
      return row.kind === 'desktop' && existing >= organisationLimit[plan.environment];
    }
    case 'captcha_failed':
      return customer.wrongCaptchas >= captchaFailuresMax;
    default:
      return faultReasons.includes(row.reason) && refusals(plan).length > 0;
  }
}

/** Faults of the plan that refuse valid requests. */
function refusals({ faultsFirst, steps }: SageBankingPlan) {
  const specs = [...faultsFirst, ...steps.flatMap(({ step }) => (step.kind === 'fault' ? [step.spec] : []))];
  return specs.filter(({ kind }) => kind === 'status');
}

async function organisationsOfLicence(
  fixture: SageBankingFixture,
  { serial }: SimulatedCustomer,
): Promise<number> {
  return (await organisationsAtSage(fixture)).filter(({ licence }) => licence?.includes(serial) === true)
    .length;
}

/** Each `in_doubt` comes from a POST whose answer was lost, or from a failure in the process that sent or may have sent it. */
async function checkUnknownOutcomes(
  { pool }: SageBankingFixture,
  { actors, monitor }: Pick<Checked, 'actors' | 'monitor'>,
): Promise<string[]> {
  const { rows } = await pool.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM timeline
      WHERE kind = 'sage_onboarding_in_doubt' AND customer_id = ANY ($1)`,
    [actors.customers.map(({ customerId }) => customerId)],
  );
  const inDoubt = rows[0]?.count ?? 0;
  const unknowable = monitor.lostOrganisationAnswers + monitor.injectedIntoOnboardings;
  return inDoubt <= unknowable
    ? []
    : [`${String(inDoubt)} times in_doubt, of which at most ${String(unknowable)} had an unknown outcome`];
}

async function checkLicences(fixture: SageBankingFixture, actors: Actors): Promise<string[]> {
  const found: string[] = [];
  for (const customer of actors.customers) {
    const organisations = await organisationsOfLicence(fixture, customer);
    if (organisations > organisationLimit.production)
      found.push(`${String(organisations)} organisations for one licence in production`);
  }
  return found;
}
