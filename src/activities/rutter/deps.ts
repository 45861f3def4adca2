import type { RutterClient } from '../../clients/rutter/client.js';
import type { ReportedStatus } from '../../domain/feed-status.js';
import type { ConnectionMode } from '../../domain/rutter/connection.js';
import type { SharedDeps, SharedSettings, SharedWorkflows } from '../deps.js';

/**
 * The calls to Temporal that activities of this channel make: they wake workflows and find missing ones. Implemented by
 * `src/temporal/rutter/facade.ts`. All calls are safe to repeat and throw when the server does not answer.
 */
export interface RutterWorkflows extends SharedWorkflows {
  wakeFeed(input: { feedId: string }): Promise<void>;
  feedFactsChanged(input: { feedId: string }): Promise<void>;
  /** Shows the status in the running workflow of the feed; without one it does nothing. */
  feedStatusReported(input: { feedId: string; status: ReportedStatus }): Promise<void>;
  wakeConnection(input: { connectionId: string }): Promise<void>;
  /** Of the given ids, in ascending order, those whose workflow does not run. */
  missingFeeds(input: { feedIds: readonly string[] }): Promise<string[]>;
  missingConnections(input: { connectionIds: readonly string[] }): Promise<string[]>;
  missingHandoffs(input: { handoffIds: readonly string[] }): Promise<string[]>;
  /** Starts the handoff's workflow when it does not run; it continues from the row. */
  loginSucceeded(input: { handoffId: string; customerId: string }): Promise<void>;
}

/** Settings of this channel, from the worker's configuration. */
export interface RutterSettings extends SharedSettings {
  /** Platform of the connections that we create at Rutter. */
  readonly rutterPlatform: string;
  /** `api`: a connection is created by API and used at once. `link`: the customer finishes Rutter Link first. */
  readonly connectionMode: ConnectionMode;
  /** Exact origins that a handoff's redirect may have. */
  readonly redirectOrigins: readonly string[];
  /** Counted from the browser's first arrival: no one-time password is requested later than this. */
  readonly handoffOtpLatestMs: number;
  /** Accounts that one handoff creates at Rutter at a time. */
  readonly publishConcurrency: number;
  readonly feedActivationPollMinMs: number;
  readonly feedActivationPollMaxMs: number;
  /** What Rutter is sent of an account that is created: all that we know, or what it supports for Sage. */
  readonly accountFacts: 'all' | 'supported';
  /** An account is created with its `opened_on` as start date. */
  readonly startDateFromOpenedOn: boolean;
}

/** What activities of this channel work with. */
export interface RutterDeps extends SharedDeps {
  readonly rutter: RutterClient;
  readonly workflows: RutterWorkflows;
  readonly settings: RutterSettings;
}
