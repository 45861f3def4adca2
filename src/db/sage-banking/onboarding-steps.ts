import type { SageOnboardingRefusal, SageOnboardingFailure } from '../../domain/sage-banking/onboarding.js';
import type { Queryable } from '../pool.js';
import { insertSageCompany, type SageCompanyRow } from './companies.js';
import type { SageOnboardingRow } from './onboardings.js';
import { writeTimeline } from '../timeline.js';

/**
 * How an onboarding moves on. Each step takes the row as `lockSageOnboarding` answered it, in the same transaction, and
 * writes its timeline row; whether the step fits the row's state is the caller's to know.
 */

type Column =
  | 'state'
  | 'licence_sealed'
  | 'captcha_id'
  | 'captcha_image'
  | 'captcha_received_at'
  | 'captcha_text'
  | 'captcha_failures'
  | 'registered_again'
  | 'person_acted_at'
  | 'create_sent_at'
  | 'resolution_sealed'
  | 'reason'
  | 'message';
type Change = Partial<Record<Column, unknown>>;

/** Why something happened, for people; null: nothing to tell. */
interface Why<Reason> {
  readonly reason: Reason;
  readonly message: string;
}

const noCaptcha: Change = {
  captcha_id: null,
  captcha_image: null,
  captcha_received_at: null,
  captcha_text: null,
};
const noReason: Change = { reason: null, message: null };
/** What an ended onboarding does not need any more. */
const nothingLeft: Change = {
  ...noCaptcha,
  licence_sealed: null,
  resolution_sealed: null,
  create_sent_at: null,
};

/** Writes the columns; those of `now` get the database's time. */
async function change(
  db: Queryable,
  row: SageOnboardingRow,
  input: { to: Change; now?: readonly Column[] },
): Promise<void> {
  const entries = Object.entries(input.to);
  const sets = [
    ...entries.map(([name], index) => `${name} = $${String(index + 2)}`),
    ...[...(input.now ?? []), 'updated_at'].map((name) => `${name} = clock_timestamp()`),
  ];
  await db.query(`UPDATE sage_onboardings SET ${sets.join(', ')} WHERE onboarding_id = $1`, [
    row.onboardingId,
    ...entries.map(([, value]) => value),
  ]);
}

async function tell(
  db: Queryable,
  row: SageOnboardingRow,
  kind: string,
  detail: Readonly<Record<string, unknown>> = {},
  connectionId: string | null = null,
): Promise<void> {
  const { onboardingId, customerId } = row;
  await writeTimeline(db, {
    kind,
    customerId,
    connectionId,
    detail: { onboarding_id: onboardingId, ...detail },
  });
}

/** A captcha for a person to read. Why it is not the first one stays beside it. */
export async function showCaptcha(
  db: Queryable,
  row: SageOnboardingRow,
  captcha: { captchaId: string; image: string },
): Promise<void> {
  const isAboutCaptcha = row.reason?.startsWith('captcha_') === true || row.reason === 'registration_expired';
  await change(db, row, {
    to: {
      ...(isAboutCaptcha ? {} : noReason),
      state: 'waiting_captcha',
      captcha_id: captcha.captchaId,
      captcha_image: captcha.image,
      captcha_text: null,
    },
    now: ['captcha_received_at'],
  });
  await tell(db, row, 'sage_captcha_shown', { failures: row.captchaFailures });
}

/** Back to the token service for a new registration and captcha; `why` is null when a person asked for it. */
export async function wantNewCaptcha(
  db: Queryable,
  row: SageOnboardingRow,
  why: Why<'captcha_wrong' | 'captcha_expired' | 'registration_expired'> | null,
): Promise<void> {
  const failures = row.captchaFailures + (why?.reason === 'captcha_wrong' ? 1 : 0);
  await change(db, row, {
    to: {
      ...noCaptcha,
      ...(why ?? noReason),
      state: 'registering',
      create_sent_at: null,
      captcha_failures: failures,
      registered_again: row.registeredAgain || why?.reason === 'registration_expired',
    },
  });
  await tell(db, row, 'sage_captcha_wanted', { because: why?.reason ?? 'asked', failures });
}

/** A person has read the captcha. */
export async function takeCaptchaText(
  db: Queryable,
  row: SageOnboardingRow,
  input: { text: string },
): Promise<void> {
  await change(db, row, {
    to: { ...noReason, state: 'creating', captcha_text: input.text },
    now: ['person_acted_at'],
  });
  await tell(db, row, 'sage_captcha_answered');
}

/** From now on a POST may be under way: commit before sending. Answers its mark, which only its own answer clears. */
export async function markPosting(db: Queryable, row: SageOnboardingRow): Promise<string> {
  const { rows } = await db.query<{ create_sent_at: string }>(
    `UPDATE sage_onboardings SET create_sent_at = clock_timestamp(), updated_at = clock_timestamp()
      WHERE onboarding_id = $1 RETURNING create_sent_at`,
    [row.onboardingId],
  );
  await tell(db, row, 'sage_organisation_requested');
  return rows[0]?.create_sent_at ?? '';
}

/**
 * Something stands in the way and passes, or waits for an operator; told once per reason. `postingOver`: the POST under
 * way surely changed nothing, and may be made again.
 */
export async function recordOnboardingFailure(
  db: Queryable,
  row: SageOnboardingRow,
  input: Why<SageOnboardingFailure> & { postingOver?: boolean },
): Promise<void> {
  const { reason, message, postingOver = false } = input;
  const unmarked = postingOver ? { state: 'creating', create_sent_at: null } : {};
  await change(db, row, { to: { reason, message, ...unmarked } });
  if (row.reason !== reason) await tell(db, row, 'sage_onboarding_failing', { reason });
}

/** A POST went out, or may have, and its answer is not known: nothing is sent until a person has found out. */
export async function markInDoubt(
  db: Queryable,
  row: SageOnboardingRow,
  input: { message: string },
): Promise<void> {
  const { message } = input;
  await change(db, row, { to: { ...noCaptcha, state: 'in_doubt', reason: 'answer_lost', message } });
  await tell(db, row, 'sage_onboarding_in_doubt', { create_sent_at: row.createSentAt });
}

/** What an operator found out, to be proven before it counts. An onboarding that was refused is in doubt again. */
export async function wantResolution(
  db: Queryable,
  row: SageOnboardingRow,
  input: { resolutionSealed: string },
): Promise<void> {
  const reopened: Change =
    row.state === 'refused' ? { state: 'in_doubt', reason: 'answer_lost', message: answeredLate } : {};
  await change(db, row, {
    to: { ...reopened, resolution_sealed: input.resolutionSealed },
    now: ['person_acted_at'],
  });
  await tell(db, row, 'sage_resolution_entered');
}

const answeredLate = 'Sage created an organisation after all, and its answer came late. It is being proven.';

/** It did not prove true: the doubt stays. */
export async function refuseResolution(
  db: Queryable,
  row: SageOnboardingRow,
  input: { message: string; detail: Readonly<Record<string, unknown>> },
): Promise<void> {
  const { message, detail } = input;
  await change(db, row, { to: { resolution_sealed: null, reason: 'resolution_refused', message } });
  await tell(db, row, 'sage_resolution_refused', detail);
}

/** An operator found that there is no organisation: once more from the beginning, with the same order. */
export async function beginAgain(db: Queryable, row: SageOnboardingRow): Promise<void> {
  await change(db, row, {
    to: {
      ...noCaptcha,
      ...noReason,
      state: row.kind === 'cloud' ? 'creating' : 'registering',
      create_sent_at: null,
      resolution_sealed: null,
      captcha_failures: 0,
      registered_again: false,
    },
    now: ['person_acted_at'],
  });
  await tell(db, row, 'sage_onboarding_resolved', { how: 'not_created' });
}

/** The organisation with its company and key. False, with nothing changed, when we have these ids already. */
export async function storeOnboardedCompany(
  db: Queryable,
  row: SageOnboardingRow,
  company: Omit<SageCompanyRow, 'createdAt' | 'customerId' | 'onboardingId' | 'name'>,
): Promise<boolean> {
  const { onboardingId, customerId } = row;
  const { name } = row.request.company;
  if (!(await insertSageCompany(db, { ...company, onboardingId, customerId, name }))) return false;
  await change(db, row, {
    to: { ...noCaptcha, ...noReason, state: 'creating', create_sent_at: null, resolution_sealed: null },
  });
  const { organisationId: organisation_id, companyId: company_id, connectionId } = company;
  await tell(db, row, 'sage_organisation_created', { organisation_id, company_id }, connectionId);
  return true;
}

/** The company is there and its key accepted. */
export async function finishOnboarding(
  db: Queryable,
  row: SageOnboardingRow,
  input: { connectionId: string },
): Promise<void> {
  await change(db, row, { to: { ...nothingLeft, ...noReason, state: 'ready' } });
  await tell(db, row, 'sage_onboarding_ready', {}, input.connectionId);
}

/** It ends without an organisation; the customer may begin another one. */
export async function refuseOnboarding(
  db: Queryable,
  row: SageOnboardingRow,
  input: Why<SageOnboardingRefusal> & { detail?: Readonly<Record<string, unknown>> },
): Promise<void> {
  const { reason, message, detail } = input;
  await change(db, row, { to: { ...nothingLeft, state: 'refused', reason, message } });
  await tell(db, row, 'sage_onboarding_refused', { reason, ...detail });
}

/** An organisation answered to a request that was given up meanwhile; its key is kept apart. */
export async function recordUnclaimedOrganisation(
  db: Queryable,
  row: SageOnboardingRow,
  input: { organisationId: string; companyId: string },
): Promise<void> {
  const { organisationId: organisation_id, companyId: company_id } = input;
  await tell(db, row, 'sage_organisation_unclaimed', { organisation_id, company_id });
}
