import type { ChosenAccount } from '../../db/rutter/sharing-progress.js';
import type { HandoffDelay } from '../../domain/rutter/handoff-delay.js';
import { handoffLimits } from '../../domain/rutter/handoff-limits.js';
import { csrfFieldName } from '../form.js';
import { html } from '../html.js';
import type { Html } from '../html.js';
import { messageMain } from '../layout.js';
import type { RutterTexts } from './texts.js';

/** The field of the answer to {@link questionMain}, and its values. */
export const decisionField = 'decision';
export const decisions = { accepted: 'continue', declined: 'stop' } as const;

/** While accounts are published: how many are shared. The page reloads itself; the link is for browsers that do not. */
export function progressMain(
  t: RutterTexts,
  input: {
    path: string;
    accounts: readonly ChosenAccount[];
    /** Who is not answering, and whole minutes until the handoff ends. */
    delay: { by: HandoffDelay; minutesLeft: number } | null;
  },
): Html {
  const { path, accounts, delay } = input;
  const shared = accounts.filter(({ outcome }) => outcome === 'shared').length;
  const total = accounts.length;
  const { heading, lead } = delay === null ? t.finishing : t.delayed[delay.by];
  return messageMain({
    heading,
    paragraphs: [],
    more: html`<div class="turning" aria-hidden="true"></div>
      <p role="status">
        ${total > 1 && html`<strong>${t.finishing.progress(shared, total)}</strong>`} ${lead}
      </p>
      ${
        delay !== null &&
        html`<p><strong>${t.delayed.timeLeft(delay.minutesLeft)}</strong></p>
          <p>${t.delayed.leave}</p>`
      }
      <p><a href="${path}">${delay === null ? t.continue : t.delayed.again}</a></p>`,
  });
}

/** Some accounts could not be published: which and why, and whether to go on with the others. */
export function questionMain(
  t: RutterTexts,
  input: { action: string; formToken: string; accounts: readonly ChosenAccount[] },
): Html {
  const refused = input.accounts.filter(({ outcome }) => outcome === 'refused');
  const shared = input.accounts.filter(({ outcome }) => outcome === 'shared').length;
  return messageMain({
    heading: t.partial.heading(refused.length),
    paragraphs: [t.partial.lead(refused.length)],
    more: html`${accountList(t, refused)}
      <p>${t.partial.question(shared)}</p>
      <form method="post" action="${input.action}">
        <input type="hidden" name="${csrfFieldName}" value="${input.formToken}" />
        <div class="actions">
          <button type="submit" name="${decisionField}" value="${decisions.accepted}">
            ${t.partial.accept(shared)}
          </button>
          <button type="submit" name="${decisionField}" value="${decisions.declined}" class="quiet">
            ${t.partial.decline}
          </button>
        </div>
      </form>`,
  });
}

/** The redirect is there, but time ran out before every account was published: which are missing. */
export function missingMain(
  t: RutterTexts,
  input: { path: string; accounts: readonly ChosenAccount[] },
): Html {
  const { accounts } = input;
  const shared = accounts.filter(({ outcome }) => outcome === 'shared').length;
  const later = accounts.filter(({ outcome }) => outcome === 'later');
  const refused = accounts.filter(({ outcome }) => outcome === 'refused');
  return messageMain({
    heading: t.missing.heading,
    paragraphs: [t.finishing.progress(shared, accounts.length)],
    more: html`${
        later.length > 0 &&
        html`<p>${t.missing.later}</p>
          ${accountList(t, later)}`
      }
      ${
        refused.length > 0 &&
        html`<p>${t.partial.lead(refused.length)}</p>
          ${accountList(t, refused)}`
      }
      <p>${t.missing.goesOn}</p>
      <div class="actions"><a class="button" href="${input.path}">${t.missing.button}</a></div>`,
  });
}

/** On /status: accounts that are still to be shared after a login from Sage, or could not be. */
export function unpublishedCard(t: RutterTexts, accounts: readonly ChosenAccount[]): Html {
  const later = accounts.filter(({ outcome }) => outcome === 'later');
  const refused = accounts.filter(({ outcome }) => outcome === 'refused');
  return html`<section class="card" aria-labelledby="unpublished">
    <h2 class="first" id="unpublished">${t.missing.statusHeading}</h2>
    ${
      later.length > 0 &&
      html`<p>${t.missing.statusLater}</p>
        ${accountList(t, later)}`
    }
    ${
      refused.length > 0 &&
      html`<p>${t.partial.lead(refused.length)}</p>
        ${accountList(t, refused)}`
    }
  </section>`;
}

/** Accounts by name and last digits, each with the reason why it is not shared, if there is one. */
export function accountList(t: RutterTexts, accounts: readonly ChosenAccount[]): Html {
  const named = accounts.slice(0, handoffLimits.namedAccountsMax);
  const more = accounts.length - named.length;
  return html`<ul>
    ${named.map(
      ({ name, numberLast4, reason, errorCode }) =>
        html`<li>
          <bdi>${name}</bdi>
          ${numberLast4 !== null && html`<span class="digits masked">${numberLast4}</span>`}
          ${reason !== null && html`<br /><span class="soft small">${t.partial.reasons[reason](errorCode)}</span>`}
        </li>`,
    )}
    ${more > 0 && html`<li>${t.partial.more(more)}</li>`}
  </ul>`;
}
