import { Router } from 'express';
import type { RequestHandler } from 'express';
import { createCodecPages } from './codec/codec-pages.js';
import { createPasswordAuthenticator } from './sign-in/authenticate.js';
import { createLoginPages } from './rutter/login-pages.js';
import { createLoginThrottle } from './sign-in/login-throttle.js';
import type { PagesDeps } from './deps.js';
import { pageHeaders } from './page-headers.js';
import { errorPages, notFoundPage } from './page-problem.js';
import { createSessions } from './session.js';
import { assetPaths, icon, stylesheet } from './styles.js';
import { createStatusPages } from './status/status-pages.js';
import { britishTexts } from './texts.js';

export type { PagesConfig, PagesDeps } from './deps.js';

const assetAgeSeconds = 31_536_000;

/**
 * Everything a person sees in a browser: /login (the handoff), /status (the customer's feeds), /codec (operators) and
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
  /** Headers come before anything can answer, the error pages last: a page's path has no other answers than these. */
  const mount = (path: string, framedBy: 'sage' | 'nobody', session: RequestHandler[], pages: Router) => {
    router.use(path, pageHeaders(deps.config, { framedBy }), ...session, pages, notFoundPage(t));
    router.use(path, errorPages(t, deps.logger));
  };
  mount('/login', 'sage', sessions.customers, createLoginPages({ ...deps, t, authenticator }));
  mount('/status', 'nobody', sessions.customers, createStatusPages({ ...deps, t, authenticator }));
  mount('/codec', 'nobody', sessions.operators, createCodecPages({ ...deps, t }));
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
