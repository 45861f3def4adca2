import { Router } from 'express';
import type { RequestHandler } from 'express';
import { createCodecPages } from './codec/codec-pages.js';
import { createPasswordAuthenticator } from './sign-in/authenticate.js';
import { createLoginThrottle } from './sign-in/login-throttle.js';
import type { PagesChannels, RootPages } from './channel.js';
import type { PagesDeps } from './deps.js';
import { homePage } from './home.js';
import { pageHeaders } from './page-headers.js';
import { errorPages, notFoundPage, sendPage } from './page-problem.js';
import { createSessions } from './session.js';
import { assetPaths, icon, stylesheet } from './styles.js';
import { createStatusPages } from './status/status-pages.js';
import { britishTexts } from './texts.js';

export type { PagesConfig, PagesDeps } from './deps.js';

const assetAgeSeconds = 31_536_000;

/**
 * All pages for browsers: / (links), /status (the customer's feeds), /codec (operators), the channels' own pages and the assets.
 * Mount it at the root, before any handler that answers unknown paths. The application sets `trust proxy` from
 * `TRUSTED_PROXIES` alone, since the throttle counts attempts by the client's address.
 */
export function createPages(
  input: Omit<PagesDeps, 'nowMs'> & { readonly channels: PagesChannels; readonly nowMs?: () => number },
): Router {
  const deps = { ...input, nowMs: input.nowMs ?? Date.now };
  const t = britishTexts;
  const sessions = createSessions(deps);
  const throttle = createLoginThrottle(deps.pool);
  const authenticator = createPasswordAuthenticator({ ...deps, throttle });
  const router = Router({ caseSensitive: true });
  router.use('/assets', assets());
  router.get('/', pageHeaders(deps.config, { framedBy: 'nobody' }), (_request, response) => {
    sendPage(response, 200, homePage(t));
  });
  const pages = { ...deps, t, authenticator };
  /** Headers come before any handler that answers, the error pages last: no other answers are possible below the path. */
  const mount = (
    { path, router: handler, errors }: RootPages,
    framedBy: 'sage' | 'nobody',
    session: RequestHandler[],
  ) => {
    router.use(path, pageHeaders(deps.config, { framedBy }), ...session, handler, notFoundPage(t));
    router.use(path, errorPages(t, deps.logger, errors));
  };
  for (const channel of Object.values(deps.channels)) {
    const root = channel.createRootPages(pages);
    // Sage opens them, in a pop-up or a frame.
    if (root !== null) mount(root, 'sage', sessions.customers);
  }
  const status = { path: '/status', router: createStatusPages(pages, deps.channels) };
  mount(status, 'nobody', sessions.customers);
  mount({ path: '/codec', router: createCodecPages({ ...deps, t }) }, 'nobody', sessions.operators);
  return router;
}

/** Their addresses change with their content, so browsers may cache them for ever. */
function assets(): RequestHandler {
  const files = new Map<string, { type: string; content: string }>([
    [assetPaths.stylesheet, { type: 'text/css; charset=utf-8', content: stylesheet }],
    [assetPaths.icon, { type: 'image/svg+xml', content: icon }],
  ]);
  return (request, response, next) => {
    const file = files.get(`${request.baseUrl}${request.path}`);
    if (file === undefined || request.method !== 'GET') {
      next();
      return;
    }
    response.setHeader('Cache-Control', `public, max-age=${String(assetAgeSeconds)}, immutable`);
    response.setHeader('X-Content-Type-Options', 'nosniff');
    response.removeHeader('Cross-Origin-Opener-Policy');
    response.type(file.type).send(file.content);
  };
}
