import type { Registry } from 'prom-client';
import type { RequestHandler } from 'express';
import type { z } from 'zod';
import type { FeedView } from '../db/feed-views.js';
import type { Pool } from '../db/pool.js';
import type { OperatorAction } from '../domain/feed.js';
import type { ChannelId } from '../domain/channel.js';
import type { BackgroundSignals } from './background-signals.js';
import type { ConnectionJson } from './connection-json.js';
import type { Route } from './define-route.js';
import type { ApiDeps } from './deps.js';
import type { Problem } from './problem.js';

/** What a channel contributes to the machine API. `channels.ts` names both channels. */
export interface ApiChannel {
  readonly id: ChannelId;
  /** What every call of the channel answers where it has no configuration (501); null where it has one. */
  readonly notConfigured: Problem | null;
  /** The same in every installation, configured or not: the app serves them and the reference describes them. */
  readonly routes: readonly Route[];
  readonly webhook: ChannelWebhook | null;
  /** Results of the channel's commands, for the reference. */
  readonly commandResults: readonly z.ZodType[];
  readonly feedCounts: FeedCounts;
  /** Adds the channel's own metrics. */
  observe?(metrics: { readonly registry: Registry; readonly pool: Pool }): void;
  /** Null where the channel publishes none of our accounts, or is not configured. */
  readonly publishing: AccountPublishing | null;
  /** The customer's connections on this channel, oldest first. Tokens stay out. */
  listConnections(pool: Pool, customer: { customerId: string }): Promise<ConnectionJson[]>;
  /** One connection of this channel, or null when it has none of this id. */
  readConnection(pool: Pool, connection: { connectionId: string }): Promise<ConnectionJson | null>;
  /** Requests the end of a connection; its row shows when it is done. Null where the provider has no such thing. */
  readonly unlinkConnection: ((deps: ApiDeps, connection: { connectionId: string }) => Promise<void>) | null;
  /** Passes an operator's request on to an open feed; its row shows when it was done. */
  requestFeedAction(deps: ApiDeps, input: { feedId: string; action: OperatorAction }): Promise<void>;
  /** The account was changed: the feeds for which that may matter check. */
  accountChanged(pool: Pool, account: { accountId: string }): Promise<void>;
  /** Wakes the feeds that can send an account's new postings. */
  wakeFeedsOf(pool: Pool, account: { accountId: string }): Promise<void>;
}

export type ApiChannels = Readonly<Record<ChannelId, ApiChannel>>;

/** What the channel has to do with our accounts, which it publishes at its provider. */
export interface AccountPublishing {
  /** The provider, as a message to a caller names it. */
  readonly provider: string;
  /** Codes of the currencies of which it takes accounts. */
  readonly currencies: ReadonlySet<string>;
  /** An account was changed: records where the provider shows something else from now on. Safe to repeat. */
  recordChange(deps: ApiDeps, account: { accountId: string }): Promise<void>;
}

export interface FeedCounts {
  readonly schema: z.ZodType;
  read(pool: Pool, feed: FeedView): Promise<Readonly<Record<string, number>>>;
}

/** A provider's call to us: verified by the channel itself, not by a token of ours. */
export interface ChannelWebhook {
  readonly path: string;
  readonly summary: string;
  /** Statuses that it answers. */
  readonly statuses: readonly number[];
  createHandler(input: WebhookInput): RequestHandler;
}

export interface WebhookInput {
  readonly deps: ApiDeps;
  /** Makes a sender of wake-ups that the process drains before it ends. `idName` names the key in log lines. */
  readonly createSignals: (input: {
    readonly idName: string;
    readonly send: (id: string) => Promise<void>;
  }) => BackgroundSignals;
}
