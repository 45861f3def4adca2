import type { ChannelId } from '../../domain/channel.js';

/** Input of `providerCommandWorkflow`; what to do is stored in the command's row. */
export interface ProviderCommandInput {
  readonly commandId: string;
  /** Whose provider carries it out. */
  readonly channel: ChannelId;
}
