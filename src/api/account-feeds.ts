import type { ApiChannels } from './channel.js';
import type { ApiDeps } from './deps.js';

/**
 * Notifies the feeds of an account that it was changed. A lost signal delays what follows until their next daily check,
 * or until the request is repeated.
 */
export async function notifyFeeds(
  deps: ApiDeps,
  channels: ApiChannels,
  account: { readonly accountId: string },
): Promise<void> {
  for (const channel of Object.values(channels)) await channel.accountChanged(deps.pool, account);
}
