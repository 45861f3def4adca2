import { defineSignal } from '@temporalio/workflow';

/** Input of `connectionWorkflow`: it lives while something of the connection is awaited. */
export interface ConnectionInput {
  readonly connectionId: string;
  readonly carried?: ConnectionCarried;
}

export interface ConnectionCarried {
  /** Epoch ms since when something is awaited; a wake-up sets it again. */
  readonly awaitedSinceMs: number;
}

/** Something may have changed at Rutter or Sage (a feed was published, a webhook came, a person asked): look now. */
export const connectionCheckRequested = defineSignal('connectionCheckRequested');
