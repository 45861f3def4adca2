import type { SageOnboardingRow } from '../../db/sage-banking/onboardings.js';
import { html } from '../html.js';
import type { Html } from '../html.js';
import { sagePaths } from './paths.js';
import type { SageTexts } from './texts.js';

/**
 * The card of an open onboarding with the link to its page. No other link leads a customer with another company there, and
 * a captcha that nobody answers ends the onboarding. Undefined when the onboarding is over.
 */
export function onboardingCard(t: SageTexts, onboarding: SageOnboardingRow): Html | undefined {
  const card = cardOf(onboarding);
  if (card === null) return undefined;
  const { label, advice, button } = t.sage.onboarding.cards[card];
  const isTheirs = card === 'captcha';
  return html`<section class="card" aria-labelledby="onboarding">
    <div class="row">
      <h2 class="first" id="onboarding">${t.sage.onboarding.title}</h2>
      <span class="state ${card === 'working' ? '' : 'is-waiting'}">${label}</span>
    </div>
    <p class="advice">${advice}</p>
    <p><a class="${isTheirs ? 'button' : 'button quiet'}" href="${sagePaths.begin}">${button}</a></p>
  </section>`;
}

/** Which card shows the state. Once the captcha was answered, the customer need not do anything. */
function cardOf({
  state,
  captchaText,
}: SageOnboardingRow): keyof SageTexts['sage']['onboarding']['cards'] | null {
  switch (state) {
    case 'registering':
    case 'creating':
      return 'working';
    case 'waiting_captcha':
      return captchaText === null ? 'captcha' : 'working';
    case 'in_doubt':
      return 'in_doubt';
    case 'ready':
    case 'refused':
      return null;
    default:
      return state satisfies never;
  }
}
