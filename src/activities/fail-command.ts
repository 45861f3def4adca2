import type { ChannelId } from '../domain/channel.js';
import type { ActivityChannels, FailCommandInput, FailCommandResult } from './channel.js';
import type { SharedDeps } from './deps.js';

/*
 * Ends a command that was not carried out within its budget, through the command's channel. A repeat changes nothing,
 * and a command that has ended stays as it is. Failures: DatabaseUnavailable (retried).
 */

export function dbFailCommand<Deps extends SharedDeps>(deps: Deps, channels: ActivityChannels<Deps>) {
  return (input: FailCommandInput & { readonly channel: ChannelId }): Promise<FailCommandResult> => {
    const { commandId, code } = input;
    return channels[input.channel].failCommand(deps)({ commandId, code });
  };
}
