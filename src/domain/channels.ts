import type { Channels } from './channel.js';
import { rutterChannel } from './rutter/channel.js';
import { sageBankingChannel } from './sage-banking/channel.js';

/** The registry of this layer. Shared code receives it as an argument. */
export const channels: Channels = {
  rutter: rutterChannel,
  'sage-banking': sageBankingChannel,
};
