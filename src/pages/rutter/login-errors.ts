import type { Request } from 'express';
import { html, type Html } from '../html.js';
import type { ErrorPages } from '../page-problem.js';
import { stepPaths } from './paths.js';
import type { RutterTexts } from './texts.js';

const handoffPath = /^\/login\/([0-9a-f]{64})(?:[/?]|$)/;
const reloadSeconds = 5;

/**
 * The error pages of the handoff: with the button that ends it, and a text of their own for an outage of ours. They may
 * have no session, so the button leads to a page that asks.
 */
export function loginErrorPages(t: RutterTexts): ErrorPages {
  return {
    below: (request) => cancelButton(t, request),
    unavailable: (request) => {
      const path = stepOf(request);
      const { again, ...message } = t.unavailable;
      const more = html`<div class="actions"><a class="button" href="${path}">${again}</a></div>`;
      // What was only read is loaded again by itself: a customer who waits at a page goes on when we answer again.
      const refresh = request.method === 'GET' ? { refresh: { seconds: reloadSeconds, path } } : {};
      return { message: { ...message, more }, ...refresh };
    },
  };
}

/** Undefined for addresses of no handoff. */
function cancelButton(t: RutterTexts, request: Request): Html | undefined {
  const handoffId = handoffPath.exec(request.originalUrl)?.[1];
  if (handoffId === undefined) return undefined;
  return html`<div class="leave">
    <form method="get" action="${stepPaths.cancel(handoffId)}">
      <button type="submit" class="quiet">${t.cancel.button}</button>
    </form>
  </div>`;
}

/** The address of the page whose request failed; the answer to a question has no page of its own. */
function stepOf({ originalUrl }: Request): string {
  const handoffId = handoffPath.exec(originalUrl)?.[1];
  const isDecision = handoffId !== undefined && originalUrl === stepPaths.decision(handoffId);
  return isDecision ? stepPaths.finish(handoffId) : originalUrl;
}
