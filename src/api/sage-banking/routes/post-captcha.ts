import { z } from 'zod';
import { answerCaptcha } from '../../../db/sage-banking/captcha.js';
import { readSageOnboarding } from '../../../db/sage-banking/onboardings.js';
import { defineSageRoute } from '../define-route.js';
import { nothing, textField } from '../../fields.js';
import { pollRow } from '../../poll-row.js';
import { Problem, notFound } from '../../problem.js';
import {
  onboardingJson,
  onboardingParams,
  onboardingSchema,
  wrongOnboardingState,
} from '../onboarding-json.js';

const bodyBytesMax = 64 * 1024;
/** No captcha is longer. */
const textLengthMax = 100;
/** The longest that the call waits for Sage's answer. */
const answeredWithinMs = 20_000;

const captchaBody = z
  .strictObject({
    text: textField(textLengthMax).optional().meta({
      description: 'The characters that a person reads in the image. Without it a new captcha is fetched.',
    }),
    captcha_id: textField(255).optional().meta({
      description: 'Id of the captcha that was read. With it, an answer to an outdated captcha is refused.',
    }),
  })
  .meta({ id: 'SageCaptchaInput' });

/** Answers the captcha of an onboarding, or requests a new one. */
export const postSageCaptcha = defineSageRoute({
  method: 'post',
  path: '/v1/sage/onboardings/{onboarding_id}/captcha',
  roles: ['core'],
  resource: 'onboarding',
  summary: 'Answer the captcha of an onboarding',
  description:
    'Waits for Sage up to 20 s and answers the onboarding in its new state: `ready`, `refused`, or `waiting_captcha` with a new captcha and the reason (`captcha_wrong`, `captcha_expired`). The third wrong answer ends the onboarding. `{}` requests a new captcha, any number of times.',
  params: onboardingParams,
  query: nothing,
  body: { schema: captchaBody, bytesMax: bodyBytesMax },
  answers: { 200: { description: 'The onboarding', schema: onboardingSchema } },
  handle: async ({ deps, params, body }) => {
    const onboardingId = params.onboarding_id;
    const { text = null, captcha_id: captchaId = null } = body;
    const answer = await answerCaptcha(deps.pool, { onboardingId, captchaId, text });
    switch (answer.kind) {
      case 'unknown':
        throw notFound('onboarding');
      case 'not_waiting':
        throw wrongOnboardingState(answer.row, 'captcha');
      case 'outdated': {
        const detail = 'a newer captcha has replaced this one: read the onboarding';
        throw new Problem({ status: 409, code: 'captcha_outdated', detail });
      }
      case 'taken':
      case 'renewing':
        break;
    }
    await deps.sage.onboardingChanged({ onboardingId });
    const row = await pollRow({
      read: () => readSageOnboarding(deps.pool, { onboardingId }),
      done: (now) => now === null || !['registering', 'creating'].includes(now.state),
      timeoutMs: answeredWithinMs,
    });
    if (row === null) throw notFound('onboarding');
    return { status: 200, body: await onboardingJson(deps, row) };
  },
});
