import type { DbChannels } from './channel.js';
import { rutterDbChannel } from './rutter/channel.js';
import { sageBankingDbChannel } from './sage-banking/channel.js';

/** The registry of this layer. Shared code receives it as an argument. */
export const dbChannels: DbChannels = {
  rutter: rutterDbChannel,
  'sage-banking': sageBankingDbChannel,
};
