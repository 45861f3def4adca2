import { Router } from 'express';
import type { RequestHandler } from 'express';
import { createPasswordAuthenticator } from './login/authenticate.js';
import { createLoginPages } from './login/login-pages.js';
import { createLoginThrottle } from './login/login-throttle.js';
import type { PagesDeps } from './deps.js';
import { pageHeaders } from './page-headers.js';
import { errorPages, notFoundPage } from './page-problem.js';
import { createSessions } from './session.js';
import { assetPaths, icon, stylesheet } from './styles.js';
import { britishTexts } from './texts.js';

export type { PagesConfig, PagesDeps } from './deps.js';

const assetAgeSeconds = 31_536_000;

/**
 * Everything a person sees in a browser: /login (the hand-off), /status (the customer's feeds), /codec (operators) and
 * their assets. Mount it at the root, before any handler that answers unknown paths. The application sets
 * `trust proxy` from `TRUSTED_PROXIES` alone: the address of a client, which the throttle counts, hangs on it.
 */
export function createPages(deps: PagesDeps): Router {
  const t = britishTexts;
  const sessions = createSessions(deps);
  const throttle = createLoginThrottle(deps.pool);
  const authenticator = createPasswordAuthenticator({ ...deps, throttle });
  const router = Router({ caseSensitive: true });
  router.use('/assets', assets());
  router.use(
    '/login',
    pageHeaders(deps.config, { framedBy: 'sage' }),
    sessions.customers,
    createLoginPages({ ...deps, t, authenticator }),
    notFoundPage(t),
    errorPages(t, deps.logger),
  );
  return router;
}

/** Their addresses change with their content. */
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
