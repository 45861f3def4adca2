import { Router } from 'express';
import type { PagesChannels } from '../channel.js';
import { formBody } from '../form.js';
import { showFeeds } from './feeds.js';
import { showStatusSignIn, signInToStatus, signOutOfStatus } from './sign-in.js';
import type { StatusPages } from './status-context.js';

/** The customer's own pages, below /status. */
export function createStatusPages(pages: StatusPages, channels: PagesChannels): Router {
  const router = Router({ caseSensitive: true });
  router.get('/', (request, response) => showFeeds({ pages, channels, request, response }));
  router.get('/sign-in', (request, response) => showStatusSignIn(pages, request, response));
  router.post('/sign-in', formBody(), (request, response) => signInToStatus(pages, request, response));
  router.post('/sign-out', formBody(), (request, response) => signOutOfStatus(pages, request, response));
  for (const channel of Object.values(channels)) {
    const channelPages = channel.createStatusPages(pages);
    if (channelPages !== null) router.use(channelPages);
  }
  return router;
}
