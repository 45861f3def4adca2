import type { Router } from 'express';
import type { CustomerFeed } from '../db/channel.js';
import type { ChannelId } from '../domain/channel.js';
import type { Html } from './html.js';
import type { ErrorPages } from './page-problem.js';
import type { StatusCustomer, StatusPages } from './status/status-context.js';
import type { TimelineValues } from './texts.js';

/** What a channel contributes to the pages. `channels.ts` names both channels. */
export interface PagesChannel {
  readonly id: ChannelId;
  /** Pages of the channel at the root of the service, or null. */
  createRootPages(pages: StatusPages): RootPages | null;
  /** Pages of the channel below /status, or null where it has no configuration. */
  createStatusPages(pages: StatusPages): Router | null;
  /** The channel's cards on /status. */
  readStatusCards(pages: StatusPages, customer: StatusCustomer): Promise<StatusCards>;
  /** Kinds of timeline entries that the customer is shown. */
  readonly timelineKinds: readonly string[];
  /** The sentence about a timeline entry in the language of the page; undefined for another channel's. */
  timelineText(
    pages: StatusPages,
    entry: { readonly kind: string; readonly status: string | null },
  ): ((entry: TimelineValues) => string) | undefined;
}

/** In the order of their cards on /status. */
export type PagesChannels = Readonly<Record<ChannelId, PagesChannel>>;

export interface RootPages {
  readonly path: string;
  readonly router: Router;
  /** What its error pages show. */
  readonly errors?: ErrorPages;
}

export interface StatusCards {
  /** Above the feeds. */
  readonly top: readonly Html[];
  /** A feed of this channel. `feeds`: all feeds of the page. */
  readonly feed: (feed: CustomerFeed, feeds: readonly CustomerFeed[]) => Html | undefined;
  /** Below the feeds. */
  readonly bottom: readonly Html[];
}
