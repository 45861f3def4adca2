import type { ChannelId } from '../domain/channel.js';

/** What a channel contributes to the shared workflows; `channels.ts` names both. */
export interface WorkflowChannel {
  readonly id: ChannelId;
  /** Wire names of the activities that the repair job runs for this channel; they take no input. */
  readonly repairActivities: readonly string[];
}

/** The registry: every channel by its id. */
export type WorkflowChannels = Readonly<Record<ChannelId, WorkflowChannel>>;
