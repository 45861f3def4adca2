import type { PagesChannels } from './channel.js';
import { createRutterPages, type RutterPagesInput } from './rutter/channel.js';
import { createSageBankingPages, type SageBankingPagesInput } from './sage-banking/channel.js';

/** Both channels of the pages, in the order of their cards on /status. */
export function createPagesChannels(input: {
  /** Null where the channel has no configuration. */
  sageBanking: SageBankingPagesInput | null;
  rutter: RutterPagesInput;
}): PagesChannels {
  return {
    'sage-banking': createSageBankingPages(input.sageBanking),
    rutter: createRutterPages(input.rutter),
  };
}
