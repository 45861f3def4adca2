import type { ChannelId } from '../../domain/channel.js';

/** Input of `providerCommandWorkflow`; the request is stored in the command's row. */
export interface ProviderCommandInput {
  readonly commandId: string;
  /** The channel whose provider carries it out. */
  readonly channel: ChannelId;
}
