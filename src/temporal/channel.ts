import type { ChannelId } from '../domain/channel.js';
import type { WorkflowCalls } from './calls.js';

/** What a channel contributes to this layer; `channels.ts` names both. */
export interface TemporalChannel {
  readonly id: ChannelId;
  /** Starts and signals the channel's workflows. */
  createFacade(calls: WorkflowCalls): object;
  /** Finds the channel's workflows that should run and do not. */
  createMissingWorkflows(calls: WorkflowCalls): object;
}

/** The registry: every channel by its id. */
export type TemporalChannels = Readonly<Record<ChannelId, TemporalChannel>>;
