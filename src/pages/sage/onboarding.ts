import { transaction } from '../../db/pool.js';
import { listSageCompanies } from '../../db/sage-companies.js';
import { takeCaptchaText, wantNewCaptcha } from '../../db/sage-onboarding-steps.js';
import type { SageOnboardingRow } from '../../db/sage-onboardings.js';
import {
  lockSageOnboarding,
  readNewestSageOnboarding,
  readSageOnboarding,
} from '../../db/sage-onboardings.js';
import { captchaGoodForMs } from '../../domain/sage-onboarding.js';
import { readField } from '../form.js';
import { html } from '../html.js';
import type { Html } from '../html.js';
import { messageMain } from '../layout.js';
import { seeOther } from '../page-problem.js';
import { textField } from './fields.js';
import type { SageVisit } from './sage-context.js';
import { notThere, orderFields, requireUuid } from './sage-context.js';
import { backToFeeds, sendSageMessage, sendSagePage, sendWaiting } from './sage-page.js';
import { sagePaths } from './sage-paths.js';

/** What a picture's text may be long: more is no captcha. */
const captchaTextMax = 100;
/** A picture is shown only if it is one that needs no further request; browsers run nothing in an `img`. */
const imagePattern = /^data:image\/(png|jpeg|gif|svg\+xml|webp)[;,]/;

/** `GET /status/sage/begin`: how the customer's Sage company comes to be ready, and what a person has to do for it. */
export async function showOnboarding(visit: SageVisit): Promise<void> {
  const { pages, customer } = visit;
  const onboarding = await readNewestSageOnboarding(pages.pool, customer);
  if (onboarding === null) {
    const companies = await listSageCompanies(pages.pool, customer);
    if (companies.length > 0) return seeOther(visit.response, sagePaths.connect);
    return sendSageMessage(visit, { message: pages.t.sage.onboarding.none });
  }
  sendOnboarding(visit, onboarding, {});
}

function sendOnboarding(
  visit: SageVisit,
  onboarding: SageOnboardingRow,
  again: { error?: string; alert?: string; status?: number },
): void {
  const { t } = visit.pages;
  const texts = t.sage.onboarding;
  const { state, reason } = onboarding;
  const message = {
    heading: texts.headings[state],
    paragraphs: reason === null ? [] : [texts.reasons[reason]],
  };
  switch (state) {
    case 'registering':
    case 'creating':
      return sendWorking(visit, onboarding, reason === null ? texts.working : texts.reasons[reason]);
    case 'waiting_captcha':
      if (onboarding.captchaText !== null) return sendWorking(visit, onboarding, texts.captchaSent);
      if (!imagePattern.test(onboarding.captchaImage ?? '')) {
        return sendWorking(visit, onboarding, texts.captchaFetching);
      }
      return sendSagePage(visit, {
        title: texts.title,
        main: captchaMain(visit, onboarding, again),
        status: again.status ?? 200,
      });
    case 'ready':
      return sendSageMessage(visit, {
        message: { heading: message.heading, paragraphs: [texts.ready] },
        more: html`<a class="button" href="${sagePaths.connect}">${t.sage.connect.button}</a>`,
      });
    case 'refused':
      return sendSageMessage(visit, { message });
    case 'in_doubt':
      return sendSageMessage(visit, { message: { heading: message.heading, paragraphs: texts.inDoubt } });
    default:
      return state satisfies never;
  }
}

function sendWorking(visit: SageVisit, { state }: SageOnboardingRow, lead: string): void {
  const texts = visit.pages.t.sage.onboarding;
  sendWaiting(visit, { title: texts.title, heading: texts.headings[state], lead, path: sagePaths.begin });
}

function captchaMain(
  visit: SageVisit,
  onboarding: SageOnboardingRow,
  { error, alert }: { error?: string; alert?: string },
): Html {
  const { t } = visit.pages;
  const texts = t.sage.onboarding;
  const said = alert ?? (onboarding.reason === null ? undefined : texts.reasons[onboarding.reason]);
  return messageMain({
    heading: texts.headings.waiting_captcha,
    paragraphs: [texts.captchaLead],
    more: html`${said !== undefined && html`<div class="alert" role="alert"><p>${said}</p></div>`}
      <form method="post" action="${sagePaths.captcha(onboarding.onboardingId)}">
        ${orderFields(visit)}
        <input type="hidden" name="captcha_id" value="${onboarding.captchaId}" />
        <img class="captcha" src="${onboarding.captchaImage}" alt="${texts.captchaAlt}" />
        ${textField({
          name: 'captcha_text',
          label: texts.captchaField,
          value: '',
          required: true,
          lengthMax: captchaTextMax,
          error,
        })}
        <div class="actions">
          <button type="submit">${texts.captchaButton}</button>
          ${backToFeeds(visit)}
        </div>
      </form>`,
  });
}

/**
 * `POST /status/sage/begin/<onboarding>/captcha`: takes what a person read in the picture, once a picture. Sending it
 * again, or for a picture that is no longer shown, changes nothing and shows how things stand.
 */
export async function answerCaptcha(visit: SageVisit): Promise<void> {
  const { pages, request } = visit;
  const { t } = pages;
  const onboardingId = requireUuid(visit, 'onboardingId');
  const captchaId = readField(request, t, 'captcha_id');
  const text = readField(request, t, 'captcha_text').trim();
  const seen = await readSageOnboarding(pages.pool, { onboardingId });
  if (seen?.customerId !== visit.customer.customerId) throw notThere(visit);
  if (seen.state === 'waiting_captcha' && seen.captchaId !== captchaId) {
    return sendOnboarding(visit, seen, { alert: t.sage.onboarding.captchaOutdated, status: 409 });
  }
  if (seen.state === 'waiting_captcha' && (text === '' || text.length > captchaTextMax)) {
    return sendOnboarding(visit, seen, { error: t.sage.onboarding.captchaEmpty, status: 422 });
  }
  await transaction(pages.pool, async (db) => {
    const row = await lockSageOnboarding(db, { onboardingId });
    if (row?.state !== 'waiting_captcha' || row.captchaId !== captchaId) return;
    if ((row.captchaAgeMs ?? Infinity) > captchaGoodForMs) {
      await wantNewCaptcha(db, row, {
        reason: 'captcha_expired',
        message: t.sage.onboarding.reasons.captcha_expired,
      });
    } else await takeCaptchaText(db, row, { text });
  });
  await pages.sage.onboardingChanged({ onboardingId });
  seeOther(visit.response, sagePaths.begin);
}
