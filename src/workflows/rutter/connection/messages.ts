import { defineSignal } from '@temporalio/workflow';

/** Input of `connectionWorkflow`, which runs while the connection or one of its feeds waits for something. */
export interface ConnectionInput {
  readonly connectionId: string;
  readonly carried?: ConnectionCarried;
}

export interface ConnectionCarried {
  /** Epoch ms since when something is awaited; a wake-up resets it. */
  readonly awaitedSinceMs: number;
}

/** Something may have changed at Rutter or Sage (a feed was published, a webhook arrived, a person asked): check now. */
export const connectionCheckRequested = defineSignal('connectionCheckRequested');
