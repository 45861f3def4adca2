import type { Request } from 'express';
import { csrfFieldName, readField } from '../form.js';
import { html } from '../html.js';
import type { Html } from '../html.js';
import type { Authentication, Credentials } from './authenticate.js';
import type { Texts } from '../texts.js';

/** Username and password as typed; null when one of them is missing. */
export function readCredentials(request: Request, t: Texts): Credentials | null {
  const username = readField(request, t, 'username').trim();
  const password = readField(request, t, 'password');
  if (username === '' || password === '') return null;
  return { username, password, source: request.ip ?? 'unknown' };
}

export interface SignInForm {
  readonly heading: string;
  readonly lead: string;
  readonly action: string;
  readonly formToken: string;
  /** Why the form is shown again. */
  readonly alert?: string;
  readonly username?: string;
}

/** The sign-in form, the same for a handoff and for /status. The password is never shown again. */
export function signInForm(t: Texts, form: SignInForm): Html {
  return html`<div class="card">
    <h1>${form.heading}</h1>
    <p class="soft">${form.lead}</p>
    ${alertBox(form.alert)}
    <form method="post" action="${form.action}">
      <input type="hidden" name="${csrfFieldName}" value="${form.formToken}" />
      <div class="field">
        <label for="username">${t.signIn.username}</label>
        <input
          type="text"
          id="username"
          name="username"
          value="${form.username}"
          autocomplete="username"
          autocapitalize="none"
          spellcheck="false"
          required
        />
      </div>
      <div class="field">
        <label for="password">${t.signIn.password}</label>
        <input type="password" id="password" name="password" autocomplete="current-password" required />
      </div>
      <button type="submit" class="full">${t.signIn.button}</button>
    </form>
  </div>`;
}

/** Something to correct, announced at once by screen readers. */
export function alertBox(text: string | undefined): Html | undefined {
  return text === undefined ? undefined : html`<div class="alert" role="alert"><p>${text}</p></div>`;
}

/** Status and message of a sign-in that did not succeed. */
export function signInRefusal(
  t: Texts,
  outcome: Exclude<Authentication, { kind: 'accepted' }>,
): { status: number; alert: string; retryAfterSeconds?: number } {
  switch (outcome.kind) {
    case 'refused':
      return { status: 401, alert: t.signIn.refused };
    case 'throttled': {
      const seconds = Math.ceil(outcome.retryAfterMs / 1_000);
      return { status: 429, alert: t.signIn.throttled(Math.ceil(seconds / 60)), retryAfterSeconds: seconds };
    }
    case 'busy':
      return { status: 429, alert: t.signIn.busy, retryAfterSeconds: 5 };
    default:
      return outcome satisfies never;
  }
}
