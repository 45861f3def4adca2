import type { Knobs } from './assumptions.js';
import type { VirtualClock } from '../stand-in/clock.js';
import type { SandboxEvent } from './events.js';
import type { RutterFaultBoard } from './faults.js';
import type { RateWindow } from '../stand-in/rate-window.js';
import type { RequestLog } from './request-log.js';
import type { SandboxState } from './state.js';
import type { WebhookSender } from './webhooks.js';

export interface SandboxOptions {
  /** 0 (default): a free one. */
  port?: number;
  /** Address to listen on; default 127.0.0.1. */
  host?: string;
  /** Host name in the sandbox's URLs; default the listening address. */
  publicHost?: string;
  clientId: string;
  clientSecret: string;
  /** Journal file; none = memory only. */
  dataFile?: string;
  /** Where webhooks go; none = none are sent. */
  webhookUrl?: string;
  /** Where a successful sage_redirect sends the browser on to; default a plain page of the sandbox. */
  sageLandingUrl?: string;
  /** Origin of the pages behind `link_url`; default the sandbox's own. */
  linkOrigin?: string;
  knobs?: Partial<Knobs>;
}

/** The parts of one running sandbox; every handler receives them. */
export interface Sandbox {
  readonly options: SandboxOptions;
  readonly organisationId: string;
  readonly clock: VirtualClock;
  readonly knobs: Knobs;
  readonly state: SandboxState;
  readonly faults: RutterFaultBoard;
  readonly requests: RequestLog;
  readonly rate: RateWindow;
  readonly webhooks: WebhookSender;
  /** Callers that wait for a job: job id → callbacks. */
  readonly jobWaiters: Map<string, Set<() => void>>;
  /** Own origin, no path. */
  origin: string;
  /** Origin of `link_url`s. */
  linkOrigin: string;
  /** Writes the event to the journal, then applies it: what was answered has been written. */
  commit(event: SandboxEvent): void;
  /** Records a breach of the contract by the client. */
  violation(rule: string, detail: string): void;
  /** Records something worth knowing that breaks no rule. */
  note(rule: string, detail: string): void;
}
