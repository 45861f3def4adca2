import type { FeedAction, FeedFacts, FeedState } from './feed.js';

/** How accounts and transactions reach Sage: published through Rutter, or consumed from Sage's own Banking Service. */
export const channelIds = ['rutter', 'sage-banking'] as const;
export type ChannelId = (typeof channelIds)[number];

/** What a channel contributes to the domain: the rules of its feeds. */
export interface Channel {
  readonly id: ChannelId;
  /** The provider as operators know it. */
  readonly displayName: string;
  /**
   * The actions that may be asked of a feed now. `hasJob`: its open batch has a job at the
   * provider. `hasUndecidedBatch`: the outcome of its last batch cannot be asked for any more.
   */
  readonly allowedFeedActions: (feed: {
    readonly facts: FeedFacts;
    readonly hasJob: boolean;
    readonly hasUndecidedBatch: boolean;
  }) => FeedAction[];
  /** Every reason that a feed of the channel can have. */
  readonly reasons: readonly string[];
  /** Whether a feed with this reason waits for a person; any other reason passes by itself. */
  readonly isBlocked: (reason: string | null) => boolean;
  /** The states in which failed work is retried by itself, so that a feed may be degraded. */
  readonly retryingStates: readonly FeedState[];
  /** The values of the stored status that are shown as `state`. */
  readonly statusesShownAs: (state: FeedState) => readonly string[];
}

/** The registry: every channel by its id. */
export type Channels = Readonly<Record<ChannelId, Channel>>;
