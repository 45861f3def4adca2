import type { Client } from '@temporalio/client';
import type { Availability } from '../domain/availability.js';
import { callsTo } from './calls.js';
import type { TemporalChannels } from './channel.js';
import { createSharedMissingWorkflows, createWorkflowFacade } from './facade.js';
import { createRestoreCalls } from './restore-calls.js';
import { createRutterFacade, createRutterMissingWorkflows } from './rutter/facade.js';
import { createSageBankingFacade, createSageBankingMissingWorkflows } from './sage-banking/facade.js';

/** The channels of the service, as callers of Temporal see them. */
export const temporalChannels = {
  rutter: {
    id: 'rutter',
    createFacade: createRutterFacade,
    createMissingWorkflows: createRutterMissingWorkflows,
  },
  'sage-banking': {
    id: 'sage-banking',
    createFacade: createSageBankingFacade,
    createMissingWorkflows: createSageBankingMissingWorkflows,
  },
} as const satisfies TemporalChannels;

/** Every call to the workflows: the shared ones and those of each channel. */
export type Facade = ReturnType<typeof createFacade>;

/** The only access of API, pages and activities to Temporal. */
export function createFacade(client: Client, availability?: Availability) {
  const calls = callsTo(client, availability);
  const { rutter, 'sage-banking': sageBanking } = temporalChannels;
  return {
    ...createWorkflowFacade(calls),
    ...createSharedMissingWorkflows(calls),
    ...createRestoreCalls(calls),
    ...rutter.createFacade(calls),
    ...rutter.createMissingWorkflows(calls),
    ...sageBanking.createFacade(calls),
    ...sageBanking.createMissingWorkflows(calls),
  };
}
