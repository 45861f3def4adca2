import { randomUUID } from 'node:crypto';
import { transaction } from '../../../src/db/pool.js';
import { answerCaptcha } from '../../../src/db/sage-banking/captcha.js';
import { beginAgain, storeResolution } from '../../../src/db/sage-banking/onboarding-steps.js';
import {
  insertSageOnboarding,
  lockSageOnboarding,
  readNewestSageOnboarding,
  sealOnboardingSecret,
  type SageOnboardingRow,
} from '../../../src/db/sage-banking/onboardings.js';
import { captchaGoodForMs } from '../../../src/domain/sage-banking/onboarding.js';
import type { Actors, SimulatedCustomer } from './actors.js';
import type { SageBankingFixture } from './fixture.js';
import type { CaptchaResponse } from './plan.js';

/* What an API caller, the customer at the captcha and an operator do about onboardings. */

export interface OrganisationAtSage {
  readonly id: string;
  readonly licence: string | null;
  readonly fields: { readonly company?: { readonly name?: string } };
  readonly companies: readonly { readonly id: string }[];
}

export async function organisationsAtSage({ control }: SageBankingFixture): Promise<OrganisationAtSage[]> {
  const { organisations } = (await control('GET', '/organisations')) as {
    organisations: OrganisationAtSage[];
  };
  return organisations;
}

/** The organisations of one onboarding at Sage. They are found by the company name, which is unique to the onboarding. */
export async function organisationsOf(
  fixture: SageBankingFixture,
  { request }: SageOnboardingRow,
): Promise<OrganisationAtSage[]> {
  return (await organisationsAtSage(fixture)).filter(
    ({ fields }) => fields.company?.name === request.company.name,
  );
}

/** Starts the onboarding of a customer, or continues one that is open. */
export async function beginOnboarding(
  { pool, keyring, sage }: SageBankingFixture,
  { customerId, planned, serial }: SimulatedCustomer,
): Promise<void> {
  const onboardingId = randomUUID();
  const secret = [
    { key: 'serial', value: serial },
    { key: 'product', value: 'desktop' },
  ];
  const stored = await transaction(pool, (db) =>
    insertSageOnboarding(db, {
      onboardingId,
      customerId,
      kind: planned.kind,
      termsAcceptedAt: '2024-01-01T00:00:00Z',
      request: { company: { name: `Company ${onboardingId}` } },
      licenceSealed:
        planned.kind === 'cloud'
          ? null
          : sealOnboardingSecret(keyring, { onboardingId, column: 'licence', secret }),
    }),
  );
  await sage.startOnboarding({
    onboardingId: stored.kind === 'stored' ? onboardingId : stored.onboardingId,
  });
}

/** The customer responds to the captcha, if one is shown. */
export async function actOnCaptcha(
  fixture: SageBankingFixture,
  actors: Actors,
  { customer, response }: { customer: SimulatedCustomer; response: CaptchaResponse },
): Promise<void> {
  const { pool, control, sage } = fixture;
  const row = await readNewestSageOnboarding(pool, customer);
  if (row?.state !== 'waiting_captcha' || row.captchaId === null) return;
  const { onboardingId, captchaId } = row;
  const shown = (await control('GET', `/captchas/${captchaId}`)) as { text: string };
  actors.secrets.add(shown.text);
  if (response === 'late') await fixture.sleep(captchaGoodForMs + 60_000);
  const text = response === 'new' ? null : response === 'wrong' ? 'NOTTHIS' : shown.text;
  const answer = await answerCaptcha(pool, { onboardingId, captchaId, text });
  if (answer.kind === 'taken' && response === 'wrong') customer.wrongCaptchas += 1;
  if (answer.kind === 'taken' || answer.kind === 'renewing') await sage.onboardingChanged({ onboardingId });
}

/** An operator resolves an unknown outcome: asks Sage for the result of the request and enters it. */
export async function resolveUnknownOutcome(
  fixture: SageBankingFixture,
  actors: Actors,
  customer: SimulatedCustomer,
): Promise<void> {
  const { pool, keyring, control, sage } = fixture;
  const row = await readNewestSageOnboarding(pool, customer);
  if (row?.state !== 'in_doubt' || row.resolutionSealed !== null) return;
  const { onboardingId } = row;
  const [organisation] = await organisationsOf(fixture, row);
  const found =
    organisation === undefined
      ? null
      : {
          organisationId: organisation.id,
          companyId: organisation.companies[0]?.id ?? '',
          signingKey: (
            (await control('GET', `/organisations/${organisation.id}/key`)) as { signing_key: string }
          ).signing_key,
        };
  if (found !== null) actors.secrets.add(found.signingKey);
  await transaction(pool, async (db) => {
    const locked = await lockSageOnboarding(db, { onboardingId });
    if (locked?.state !== 'in_doubt') return;
    if (found === null) return await beginAgain(db, locked);
    const resolutionSealed = sealOnboardingSecret(keyring, {
      onboardingId,
      column: 'resolution',
      secret: found,
    });
    await storeResolution(db, locked, { resolutionSealed });
  });
  await sage.onboardingChanged({ onboardingId });
}
