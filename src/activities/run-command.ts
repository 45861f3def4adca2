import type { ChannelId } from '../domain/channel.js';
import type { ActivityChannels, RunCommandInput, RunCommandResult } from './channel.js';
import type { SharedDeps } from './deps.js';
import { ChannelDisabled } from './failures.js';

/*
 * Carries out one command at the provider of its channel. A repeat is safe: an ended command is left alone, and each
 * channel says how its writes are repeated. Failures: as the channel's `runCommand` says; ChannelDisabled (retried
 * within the command's budget).
 */

export function providerRunCommand<Deps extends SharedDeps>(deps: Deps, channels: ActivityChannels<Deps>) {
  return async (input: RunCommandInput & { readonly channel: ChannelId }): Promise<RunCommandResult> => {
    const channel = channels[input.channel];
    if (!channel.isConfigured(deps)) throw new ChannelDisabled(channel.id);
    return await channel.runCommand(deps)({ commandId: input.commandId });
  };
}
