import { answerCaptcha, renewStaleCaptcha } from '../../db/sage-banking/captcha.js';
import { isStaleCaptcha } from '../../domain/sage-banking/transitions.js';
import { listSageCompanies } from '../../db/sage-banking/companies.js';
import type { SageOnboardingRow } from '../../db/sage-banking/onboardings.js';
import { readNewestSageOnboarding, readSageOnboarding } from '../../db/sage-banking/onboardings.js';
import { textProblem } from '../../domain/text.js';
import { readField } from '../form.js';
import { html } from '../html.js';
import type { Html } from '../html.js';
import { messageMain } from '../layout.js';
import { seeOther } from '../page-problem.js';
import { textField } from './fields.js';
import type { SageVisit } from './context.js';
import { notFoundProblem, orderFields, requireUuid } from './context.js';
import { backToFeeds, sendSageMessage, sendSagePage, sendWaiting } from './page.js';
import { sagePaths } from './paths.js';

/** No captcha has a longer text. */
const captchaTextMax = 100;
/** Only images in data URLs are shown, which need no further request; browsers run no code in an `img`. */
const imagePattern = /^data:image\/(png|jpeg|gif|svg\+xml|webp)[;,]/;

/** `GET /status/sage/begin`: the state of the onboarding of the customer's Sage company, and the next step. */
export async function showOnboarding(visit: SageVisit): Promise<void> {
  const { pages, customer } = visit;
  const onboarding = await readNewestSageOnboarding(pages.pool, customer);
  if (onboarding === null || onboarding.state === 'refused') {
    const companies = await listSageCompanies(pages.pool, customer);
    if (companies.length > 0) return sendOtherReady(visit, onboarding);
  }
  if (onboarding === null) return sendSageMessage(visit, { message: pages.t.sage.onboarding.none });
  sendOnboarding(visit, await freshOnboarding(visit, onboarding), {});
}

/** A ready company is shown first, even when a further one was refused, which is mentioned too. */
function sendOtherReady(visit: SageVisit, refused: SageOnboardingRow | null): void {
  const { t } = visit.pages;
  const texts = t.sage.onboarding;
  if (refused === null) return seeOther(visit.response, sagePaths.connect);
  const why = refused.reason === null ? [] : [texts.reasons[refused.reason]];
  sendSageMessage(visit, {
    message: { heading: texts.headings.ready, paragraphs: [texts.furtherRefused, ...why] },
    more: html`<a class="button" href="${sagePaths.connect}">${t.sage.connect.button}</a>`,
  });
}

/** A captcha that may have expired at Sage is not shown: a new one is fetched. */
async function freshOnboarding(visit: SageVisit, row: SageOnboardingRow): Promise<SageOnboardingRow> {
  const { pool, sage } = visit.pages;
  if (!isStaleCaptcha(row)) return row;
  await renewStaleCaptcha(pool, row);
  await sage.onboardingChanged({ onboardingId: row.onboardingId });
  return (await readSageOnboarding(pool, row)) ?? row;
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
          lengthMax: captchaTextMax,
          error,
        })}
        <div class="actions">
          <button type="submit">${texts.captchaButton}</button>
          <button type="submit" name="do" value="another" class="quiet">${texts.captchaAnother}</button>
          ${backToFeeds(visit)}
        </div>
      </form>`,
  });
}

/**
 * `POST /status/sage/begin/<onboarding>/captcha`: stores the customer's answer to the captcha, or requests another
 * captcha. Sending it again, or for a captcha that is no longer shown, changes nothing and shows the current state.
 */
export async function takeCaptcha(visit: SageVisit): Promise<void> {
  const { pages, request } = visit;
  const { t } = pages;
  const onboardingId = requireUuid(visit, 'onboardingId');
  const wantsAnother = readField(request, t, 'do') === 'another';
  const typed = readField(request, t, 'captcha_text').trim();
  const captchaId = readField(request, t, 'captcha_id');
  const seen = await readSageOnboarding(pages.pool, { onboardingId });
  if (seen?.customerId !== visit.customer.customerId) throw notFoundProblem(visit);
  const isShown = seen.state === 'waiting_captcha' && seen.captchaId === captchaId;
  if (isShown && !wantsAnother && textProblem(typed, captchaTextMax) !== null) {
    return sendOnboarding(visit, seen, { error: t.sage.onboarding.captchaEmpty, status: 422 });
  }
  const text = wantsAnother ? null : typed;
  const answer = await answerCaptcha(pages.pool, { onboardingId, captchaId, text });
  switch (answer.kind) {
    case 'unknown':
      throw notFoundProblem(visit);
    case 'outdated': {
      const row = await readSageOnboarding(pages.pool, { onboardingId });
      if (row === null) throw notFoundProblem(visit);
      return sendOnboarding(visit, row, { alert: t.sage.onboarding.captchaOutdated, status: 409 });
    }
    case 'taken':
    case 'renewing':
      await pages.sage.onboardingChanged({ onboardingId });
      return seeOther(visit.response, sagePaths.begin);
    case 'not_waiting':
      return seeOther(visit.response, sagePaths.begin);
    default:
      return answer satisfies never;
  }
}
