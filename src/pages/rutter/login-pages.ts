import type { Request } from 'express';
import { Router } from 'express';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { formBody } from '../form.js';
import { arrive } from './arrive.js';
import { cancel, showCancel } from './cancel.js';
import { decidePartial } from './decide-partial.js';
import { showFinish } from './finish.js';
import { PageProblem } from '../page-problem.js';
import type { RutterPages } from './context.js';
import { networkOf } from '../sign-in/login-throttle.js';
import { beginLink, showLink } from './link.js';
import { createRefusedLinks } from './refused-links.js';
import { shareAccounts, showAccounts } from './share-accounts.js';
import { showSignIn, signIn } from './sign-in.js';

/**
 * Links opened from one network in a minute. Each writes a row before anybody has signed in, so the limit keeps a
 * script from filling the disk; a branch full of customers behind one address stays far below it.
 */
const arrivalsPerMinuteMax = 600;

/** The steps of the handoff, below /login. Express 5 passes rejected promises on to the error pages. */
export function createLoginPages(pages: RutterPages): Router {
  const router = Router({ caseSensitive: true, strict: false });
  const arrivals = new RateLimiterMemory({ points: arrivalsPerMinuteMax, duration: 60 });
  const refusedLinks = createRefusedLinks(pages.pool);
  router.get('/', async (request, response) => {
    await admit(pages, arrivals, request);
    await arrive({ ...pages, refusedLinks }, request, response);
  });
  router.get('/:handoffId', (request, response) => showSignIn(pages, request, response));
  router.post('/:handoffId', formBody(), (request, response) => signIn(pages, request, response));
  router.get('/:handoffId/accounts', (request, response) => showAccounts(pages, request, response));
  router.post('/:handoffId/accounts', formBody(), (request, response) =>
    shareAccounts(pages, request, response),
  );
  router.get('/:handoffId/link', (request, response) => showLink(pages, request, response));
  router.post('/:handoffId/link', formBody(), (request, response) => beginLink(pages, request, response));
  router.post('/:handoffId/decision', formBody(), (request, response) =>
    decidePartial(pages, request, response),
  );
  router.get('/:handoffId/cancel', (request, response) => showCancel(pages, request, response));
  router.post('/:handoffId/cancel', formBody(), (request, response) => cancel(pages, request, response));
  router.get('/:handoffId/finish', (request, response) => showFinish(pages, request, response));
  return router;
}

async function admit(pages: RutterPages, arrivals: RateLimiterMemory, request: Request): Promise<void> {
  try {
    await arrivals.consume(networkOf(request.ip ?? ''));
  } catch (error) {
    if (!(error instanceof RateLimiterRes)) throw error;
    throw new PageProblem(429, pages.t.visit.tooManyArrivals);
  }
}
