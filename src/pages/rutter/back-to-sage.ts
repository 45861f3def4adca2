import type { PagesConfig } from '../deps.js';
import { html, type Html } from '../html.js';
import type { RutterTexts } from './texts.js';

/**
 * The site of Sage that a browser came from, as its first request said, if it is one of the hosts that may show our
 * login: Rutter documents no address for a login that was given up. Null for any other.
 */
export function sageOriginOf(
  refererOrigin: string | null,
  config: Pick<PagesConfig, 'SAGE_FRAME_ANCESTORS'>,
): string | null {
  if (refererOrigin === null || !URL.canParse(refererOrigin)) return null;
  const { protocol, hostname, origin } = new URL(refererOrigin);
  const isSage = config.SAGE_FRAME_ANCESTORS.some((allowed) => {
    const wildcard = /^(https?:)\/\/\*(\.[^/:]+)$/.exec(allowed);
    if (wildcard === null) return allowed === origin;
    const [, scheme, suffix = ''] = wildcard;
    return protocol === scheme && hostname.endsWith(suffix) && origin === `${protocol}//${hostname}`;
  });
  return isSage ? origin : null;
}

/** The way back, in the whole window where Sage shows us in a frame. Undefined when it is not known. */
export function backToSage(t: RutterTexts, origin: string | null): Html | undefined {
  if (origin === null) return undefined;
  return html`<div class="actions">
    <a class="button" href="${origin}/" target="_top" rel="noreferrer">${t.cancel.back}</a>
  </div>`;
}
