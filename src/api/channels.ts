import type { ApiChannels } from './channel.js';
import { createRutterApi, type RutterApiInput } from './rutter/channel.js';
import { createSageBankingApi, type SageBankingApiInput } from './sage-banking/channel.js';

/** Both channels of the machine API. */
export function createApiChannels(input: {
  rutter: RutterApiInput;
  /** Null where the channel has no configuration. */
  sageBanking: SageBankingApiInput | null;
}): ApiChannels {
  return { rutter: createRutterApi(input.rutter), 'sage-banking': createSageBankingApi(input.sageBanking) };
}
