import type { SageBankingClient, SageBankingOptions } from './client.js';

export function createSageBankingClient(_options: SageBankingOptions): SageBankingClient {
  throw new Error('not built yet');
}
