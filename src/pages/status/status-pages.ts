import { Router } from 'express';
import { formBody } from '../form.js';
import { createSagePages } from '../sage-banking/index.js';
import { connectSage, showConnecting } from '../rutter/connect.js';
import { showFeeds } from './feeds.js';
import { showStatusSignIn, signInToStatus, signOutOfStatus } from './sign-in.js';
import type { StatusPages } from './status-context.js';
import { askToStop, stopSharing } from '../rutter/stop-sharing.js';

/** The customer's own pages, below /status. */
export function createStatusPages(pages: StatusPages): Router {
  const router = Router({ caseSensitive: true });
  router.get('/', (request, response) => showFeeds(pages, request, response));
  router.get('/sign-in', (request, response) => showStatusSignIn(pages, request, response));
  router.post('/sign-in', formBody(), (request, response) => signInToStatus(pages, request, response));
  router.post('/sign-out', formBody(), (request, response) => signOutOfStatus(pages, request, response));
  router.post('/connect', formBody(), (request, response) => connectSage(pages, request, response));
  router.get('/connect/:commandId', (request, response) => showConnecting(pages, request, response));
  router.get('/feeds/:feedId/stop', (request, response) => askToStop(pages, request, response));
  router.post('/feeds/:feedId/stop', formBody(), (request, response) =>
    stopSharing(pages, request, response),
  );
  const { sage } = pages;
  if (sage !== null) router.use('/sage', createSagePages({ ...pages, sage }));
  return router;
}
