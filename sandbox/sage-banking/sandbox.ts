import type { VirtualClock } from '../stand-in/clock.js';
import type { ListenOptions } from '../stand-in/listen.js';
import type { Environment, Knobs } from './assumptions.js';
import type { SageFaultBoard } from './faults.js';
import type { SageRequestLog } from './request-log.js';
import type { ChangeSet, SageBankingState } from './state.js';

/** An application that may use the service. */
export interface Application {
  /** `Sage.[Region].[Product]` */
  id: string;
  /** Of a cloud product; without one it cannot sign. */
  signingKey?: string;
  /** May onboard through the token service, without a signature. */
  desktop?: boolean;
  /** The x-provider that it must send to the token service; if absent, any is accepted. */
  provider?: string;
}

export interface SageBankingOptions extends ListenOptions {
  applications: readonly Application[];
  /** Sets the organisation limit; default `qa`. */
  environment?: Environment;
  /** Default country of GET /banks: GBR or USA. Default `eu`. */
  dataRegion?: 'eu' | 'us';
  /** Journal file; none = memory only. */
  dataFile?: string;
  knobs?: Partial<Knobs>;
}

/** The parts of one running sandbox; every handler receives them. */
export interface Sandbox {
  readonly options: SageBankingOptions;
  readonly clock: VirtualClock;
  readonly knobs: Knobs;
  readonly state: SageBankingState;
  readonly faults: SageFaultBoard;
  readonly requests: SageRequestLog;
  /** Own origin, no path. */
  origin: string;
  /** Writes the changes to the journal, then applies them: what was answered has been written. */
  commit(...changes: ChangeSet): void;
  /** Records a breach of the contract by the client. */
  violation(rule: string, detail: string): void;
  /** Records something worth knowing that breaks no rule. */
  note(rule: string, detail: string): void;
}

export function iso(ms: number): string {
  return new Date(ms).toISOString();
}
