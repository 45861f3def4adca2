import { Router } from 'express';
import { formBody } from '../form.js';
import { arrive } from './arrive.js';
import { showFinish } from './finish.js';
import type { HandoffPages } from './handoff-pages.js';
import { shareAccounts, showAccounts } from './share-accounts.js';
import { showSignIn, signIn } from './sign-in.js';

/** The steps of the hand-off, below /login. Rejections reach the error pages: Express 5 hands them on. */
export function createLoginPages(pages: HandoffPages): Router {
  const router = Router({ caseSensitive: true, strict: false });
  router.get('/', (request, response) => arrive(pages, request, response));
  router.get('/:handoffId', (request, response) => showSignIn(pages, request, response));
  router.post('/:handoffId', formBody(), (request, response) => signIn(pages, request, response));
  router.get('/:handoffId/accounts', (request, response) => showAccounts(pages, request, response));
  router.post('/:handoffId/accounts', formBody(), (request, response) =>
    shareAccounts(pages, request, response),
  );
  router.get('/:handoffId/finish', (request, response) => showFinish(pages, request, response));
  return router;
}
