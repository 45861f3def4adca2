import type { CommandProblemCode, CommandState } from '../db/commands.js';
import type { ChannelId } from '../domain/channel.js';
import type { RestoreWorkflows, SharedDeps } from './deps.js';

/** Input of an activity that carries out a command; what to do is stored in the command's row. */
export interface RunCommandInput {
  readonly commandId: string;
}

export interface RunCommandResult {
  /** The state in which the command is now. */
  readonly state: CommandState;
}

export interface FailCommandInput {
  readonly commandId: string;
  readonly code: CommandProblemCode;
}

export type FailCommandResult = RunCommandResult;

/**
 * What a channel contributes to the activities; `channels.ts` names both. Records of activities are by wire name, with
 * their dependencies bound.
 */
export interface ActivityChannel<Deps extends SharedDeps> {
  readonly id: ChannelId;
  /** False where the worker's configuration lacks the channel; its activities are registered all the same. */
  isConfigured(deps: Deps): boolean;
  /** The commands of the channel, by their kinds in the table. */
  readonly commandKinds: readonly string[];
  /** Activities of the channel's own workflows. */
  createActivities(deps: Deps): object;
  /**
   * Activities that the repair job runs every minute. Without configuration they leave the channel's rows alone and
   * succeed.
   */
  createRepairActivities(deps: Deps): object;
  /**
   * Carries out a command of this channel and ends its row. @throws Obsolete for a command that is not of this channel
   */
  runCommand(deps: Deps): (input: RunCommandInput) => Promise<RunCommandResult>;
  /** Ends a command that was not carried out in time. A repeat changes nothing. */
  failCommand(deps: Deps): (input: FailCommandInput) => Promise<FailCommandResult>;
  /**
   * After a restore of the database: repairs what the provider and Temporal know and the rows do not. Safe to repeat.
   */
  repairAfterRestore?(deps: Deps, input: AfterRestoreInput): Promise<AfterRestoreCounts>;
  /** Probes what only a request can clear, before alerts are reviewed. Never throws. */
  beforeAlertReview?(deps: Deps): Promise<void>;
}

export interface AfterRestoreInput {
  readonly restore: RestoreWorkflows;
  /** What was written since then (ISO) is lost; null: unknown. */
  readonly lostFrom: string | null;
  /** Customers of workflows that had no row. */
  readonly customerIds: ReadonlySet<string>;
}

export interface AfterRestoreCounts {
  /** Connections that the provider has and we did not. */
  readonly adoptedConnections: number;
  /** Feeds of accounts that the provider has and we did not. */
  readonly adoptedFeeds: number;
  /** Connections of which nothing could be read, because the provider refuses them. */
  readonly unreadableConnections: number;
  /** Decisions of operators that may be lost. */
  readonly decisions: number;
}

/** The registry: every channel by its id. */
export type ActivityChannels<Deps extends SharedDeps> = Readonly<Record<ChannelId, ActivityChannel<Deps>>>;
