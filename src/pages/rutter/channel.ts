import { Router } from 'express';
import { listUsableConnections } from '../../db/listed-connections.js';
import type { RutterFacade } from '../../temporal/rutter/facade.js';
import type { PagesChannel } from '../channel.js';
import { formBody } from '../form.js';
import type { StatusPages } from '../status/status-context.js';
import { connectSage, showConnecting } from './connect.js';
import type { RutterPages } from './context.js';
import { listUnpublishedAccounts } from '../../db/rutter/sharing-progress.js';
import { unpublishedCard } from './progress-view.js';
import { loginErrorPages } from './login-errors.js';
import { createLoginPages } from './login-pages.js';
import { connectCard, rutterFeedCard } from './status-cards.js';
import { askToStop, stopSharing } from './stop-sharing.js';
import { withRutterTexts } from './texts.js';
import { britishRutterTexts } from './texts/en-gb.js';

export interface RutterPagesInput {
  readonly facade: RutterFacade;
}

/** The pages of the `rutter` channel. It is configured in every installation. */
export function createRutterPages({ facade }: RutterPagesInput): PagesChannel {
  const pagesOf = (pages: StatusPages): RutterPages => ({
    ...pages,
    t: withRutterTexts(pages.t),
    rutter: facade,
  });
  return {
    id: 'rutter',
    createRootPages: (pages) => ({
      path: '/login',
      router: createLoginPages(pagesOf(pages)),
      errors: loginErrorPages(pagesOf(pages).t),
    }),
    createStatusPages: (pages) => createStatusPages(pagesOf(pages)),
    readStatusCards: async (pages, { customerId, formToken }) => {
      const rutterPages = pagesOf(pages);
      const { t } = rutterPages;
      const connections = await listUsableConnections(pages.pool, { customerId });
      const unpublished = await listUnpublishedAccounts(pages.pool, { customerId });
      const unused = connections.find(({ linkedFeeds, status }) => linkedFeeds === 0 && status !== 'refused');
      return {
        top: unpublished.length === 0 ? [] : [unpublishedCard(t, unpublished)],
        feed: (feed, feeds) => rutterFeedCard(rutterPages, feed, feeds),
        bottom: [connectCard(t, { formToken, unusedLinkUrl: unused?.linkUrl ?? null })],
      };
    },
    timelineKinds: Object.keys(britishRutterTexts.timeline),
    timelineText: (pages, { kind }) =>
      Object.entries(pagesOf(pages).t.timeline).find(([known]) => known === kind)?.[1],
  };
}

/** Connecting a company and ending a feed, below /status. */
function createStatusPages(pages: RutterPages): Router {
  const router = Router({ caseSensitive: true });
  router.post('/connect', formBody(), (request, response) => connectSage(pages, request, response));
  router.get('/connect/:commandId', (request, response) => showConnecting(pages, request, response));
  router.get('/feeds/:feedId/stop', (request, response) => askToStop(pages, request, response));
  router.post('/feeds/:feedId/stop', formBody(), (request, response) =>
    stopSharing(pages, request, response),
  );
  return router;
}
