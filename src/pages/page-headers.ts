import type { RequestHandler } from 'express';
import type { PagesConfig } from './deps.js';

/** Two years, as preload lists ask; at least one by ASVS 3.4.1. */
const hstsSeconds = 63_072_000;

/**
 * Headers of every answer of the pages, redirects and errors included; set them before anything can answer.
 *
 * `framedBy: 'sage'` lets Sage's own hosts show the page in a frame. In all cases: no `Cross-Origin-Opener-Policy`
 * (Sage's window must keep its reference to the pop-up, Rutter contract section 3) and no `X-Frame-Options` (it cannot
 * list hosts); both are removed if the application has set them. `form-action` names `https:`
 * because a form's redirect to Rutter continues to Sage, and browsers check every hop. The referrer policy is
 * `same-origin`, since under `no-referrer` forms would send `Origin: null`, which the origin check refuses.
 * `images: 'inline'` allows images as data URLs, such as a captcha.
 */
export function pageHeaders(
  config: PagesConfig,
  input: { framedBy: 'sage' | 'nobody'; images?: 'inline' },
): RequestHandler {
  const secure = config.publicUrl.startsWith('https:');
  const ancestors = input.framedBy === 'sage' ? ["'self'", ...config.SAGE_FRAME_ANCESTORS] : ["'none'"];
  const formTargets = ["'self'", 'https:', ...(secure ? [] : ['http:'])];
  const policy = [
    "default-src 'none'",
    "style-src 'self'",
    input.images === 'inline' ? "img-src 'self' data:" : "img-src 'self'",
    "base-uri 'none'",
    `form-action ${formTargets.join(' ')}`,
    `frame-ancestors ${ancestors.join(' ')}`,
  ].join('; ');
  return (_request, response, next) => {
    response.removeHeader('Cross-Origin-Opener-Policy');
    response.removeHeader('X-Frame-Options');
    response.setHeader('Content-Security-Policy', policy);
    response.setHeader('Referrer-Policy', 'same-origin');
    response.setHeader('Cache-Control', 'no-store');
    response.setHeader('X-Content-Type-Options', 'nosniff');
    if (secure)
      response.setHeader('Strict-Transport-Security', `max-age=${String(hstsSeconds)}; includeSubDomains`);
    next();
  };
}
