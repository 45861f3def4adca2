import { renewStaleCaptcha } from '../../../db/sage-banking/captcha.js';
import { isStaleCaptcha } from '../../../domain/sage-banking/transitions.js';
import { readSageOnboarding, type SageOnboardingRow } from '../../../db/sage-banking/onboardings.js';
import { defineSageRoute } from '../define-route.js';
import { nothing } from '../../fields.js';
import { pollRow } from '../../poll-row.js';
import { notFound } from '../../problem.js';
import { onboardingJson, onboardingParams, onboardingSchema, requireOnboarding } from '../onboarding-json.js';

/** The longest that a call that finds a stale captcha waits for the new one. */
const captchaWithinMs = 5_000;
/** The signal of an onboarding in progress may have been lost when its row has not changed for this long. */
const stuckAfterMs = 15_000;

/** One onboarding. Reading it with a stale captcha fetches a new one. */
export const getSageOnboarding = defineSageRoute({
  method: 'get',
  path: '/v1/sage/onboardings/{onboarding_id}',
  roles: ['core', 'ops'],
  resource: 'onboarding',
  summary: 'Read an onboarding',
  description:
    'A captcha is valid for some minutes. Reading an onboarding with an older one fetches a new captcha, for which this call waits up to 5 s. When the answer is in the state `registering` without a `captcha`, read it again.',
  params: onboardingParams,
  query: nothing,
  answers: { 200: { description: 'The onboarding', schema: onboardingSchema } },
  handle: async ({ deps, params }) => {
    const onboardingId = params.onboarding_id;
    const seen = await requireOnboarding(deps, { onboardingId });
    const isRenewing = isStaleCaptcha(seen) && (await renewStaleCaptcha(deps.pool, seen));
    if (isRenewing || isStuck(seen)) await deps.sage.onboardingChanged({ onboardingId });
    if (!isRenewing) return { status: 200, body: await onboardingJson(deps, seen) };
    const row = await pollRow({
      read: () => readSageOnboarding(deps.pool, { onboardingId }),
      done: (now) => now?.state !== 'registering',
      timeoutMs: captchaWithinMs,
    });
    if (row === null) throw notFound('onboarding');
    return { status: 200, body: await onboardingJson(deps, row) };
  },
});

function isStuck(row: SageOnboardingRow): boolean {
  return ['registering', 'creating'].includes(row.state) && row.untouchedMs > stuckAfterMs;
}
