import { createHmac } from 'node:crypto';
import type { VirtualClock } from '../stand-in/clock.js';
import { webhookAttemptDelaysMs, webhookTimeoutMs, type Knobs } from './assumptions.js';
import { newId } from './http.js';
import type { AccountRecord, ConnectionRecord, JobRecord } from './records.js';
import { renderAccount } from './render.js';
import type { SandboxState } from './state.js';

/** Oldest deliveries are dropped from the list beyond this. */
export const deliveriesMax = 1_000;
const requestFailed = 0;

export interface Delivery {
  id: string;
  at: string;
  type: string;
  code: string;
  connection_id: string;
  dropped: boolean;
  delivered: boolean;
  /** HTTP status of each attempt; 0 = no answer. */
  attempts: number[];
}

export interface SendOptions {
  /** Recorded, never sent. */
  drop?: boolean;
  /** How many times the same payload goes out; default 1. */
  copies?: number;
  wrongSignature?: boolean;
}

/** What the sender needs of the sandbox. */
export interface WebhookContext {
  readonly options: { readonly clientSecret: string; readonly webhookUrl?: string };
  readonly clock: VirtualClock;
  readonly knobs: Knobs;
  readonly state: SandboxState;
}

/** `X-Rutter-Signature` of a payload: base64 (not hex) HMAC-SHA256 under the organisation's client secret. */
export function signWebhook(payload: string, clientSecret: string): string {
  return `sha256=${createHmac('sha256', clientSecret).update(payload).digest('base64')}`;
}

/** Sends webhooks at least once, with Rutter's retries; running retries do not survive a restart. */
export class WebhookSender {
  readonly deliveries: Delivery[] = [];
  #sandbox: WebhookContext | undefined;
  #dataEvents = 0;
  readonly #abort = new AbortController();

  start(sandbox: WebhookContext): void {
    this.#sandbox = sandbox;
  }

  close(): void {
    this.#abort.abort();
  }

  /** Sends one event of a connection now. @returns the deliveries, in flight; empty when no webhook URL is set. */
  connectionEvent(
    connection: ConnectionRecord,
    code: string,
    extras: Record<string, unknown> = {},
    options: SendOptions = {},
  ): Delivery[] {
    return this.send(connection, { type: 'CONNECTION', code }, extras, options);
  }

  accountUpdated(account: AccountRecord, code = 'BANK_FEED_ACCOUNT_UPDATED'): void {
    const sandbox = this.#sandbox;
    if (sandbox === undefined) return;
    const { id } = account;
    const dueMs =
      Math.max(account.pending?.visibleAtMs ?? 0, sandbox.clock.nowMs()) + sandbox.knobs.webhookDelayMs;
    sandbox.clock.schedule(dueMs, () => {
      const current = sandbox.state.account(id, sandbox.clock.nowMs());
      if (current === undefined) return;
      const extras = { bank_feed_account: renderAccount(current, sandbox.knobs) };
      this.#sendData(current.connectionId, { type: 'BANK_FEED_ACCOUNT', code }, extras);
    });
  }

  /** JOB_COMPLETED, and for a new account BANK_FEED_ACCOUNT_CREATED. Late and lossy (our assumption). */
  jobFinished(job: JobRecord): void {
    const sandbox = this.#sandbox;
    if (sandbox === undefined || job.connectionId === null || sandbox.options.webhookUrl === undefined)
      return;
    const { connectionId } = job;
    const succeeded = (job.httpStatus ?? 500) < 300;
    if (job.work.kind === 'create_account' && succeeded) {
      this.accountUpdated(job.work.account, 'BANK_FEED_ACCOUNT_CREATED');
    }
    if (job.work.kind !== 'transactions') return;
    sandbox.clock.schedule(sandbox.clock.nowMs() + sandbox.knobs.webhookDelayMs, () => {
      const extras = { job: { id: job.id, status: succeeded ? 'success' : 'failure' } };
      this.#sendData(connectionId, { type: 'JOB', code: 'JOB_COMPLETED' }, extras);
    });
  }

  send(
    connection: ConnectionRecord,
    kind: { type: string; code: string },
    extras: Record<string, unknown>,
    options: SendOptions = {},
  ): Delivery[] {
    const sandbox = this.#sandbox;
    const url = sandbox?.options.webhookUrl;
    if (sandbox === undefined || url === undefined) return [];
    const payload = JSON.stringify({
      ...kind,
      connection_id: connection.id,
      access_token: connection.accessToken,
      ...extras,
    });
    return Array.from({ length: options.copies ?? 1 }, () => {
      const delivery: Delivery = {
        id: newId(),
        at: new Date(sandbox.clock.nowMs()).toISOString(),
        ...kind,
        connection_id: connection.id,
        dropped: options.drop ?? false,
        delivered: false,
        attempts: [],
      };
      this.deliveries.push(delivery);
      if (this.deliveries.length > deliveriesMax) this.deliveries.shift();
      const secret = options.wrongSignature === true ? 'not the secret' : sandbox.options.clientSecret;
      if (!delivery.dropped) this.#attempt(sandbox, url, payload, signWebhook(payload, secret), delivery);
      return delivery;
    });
  }

  #sendData(
    connectionId: string,
    kind: { type: string; code: string },
    extras: Record<string, unknown>,
  ): void {
    const sandbox = this.#sandbox;
    const connection = sandbox?.state.connections.get(connectionId);
    if (sandbox === undefined || connection === undefined) return;
    this.#dataEvents += 1;
    const every = sandbox.knobs.webhookDropEvery;
    this.send(connection, kind, extras, { drop: every > 0 && this.#dataEvents % every === 0 });
  }

  #attempt(
    sandbox: WebhookContext,
    url: string,
    payload: string,
    signature: string,
    delivery: Delivery,
  ): void {
    const startedAtMs = sandbox.clock.nowMs();
    const next = (number: number): void => {
      const delayMs = webhookAttemptDelaysMs[number];
      if (delayMs === undefined) return;
      sandbox.clock.schedule(startedAtMs + delayMs, () => {
        void this.#post(url, payload, signature).then((status) => {
          delivery.attempts.push(status);
          delivery.delivered = status >= 200 && status < 300;
          if (!delivery.delivered && !this.#abort.signal.aborted) next(number + 1);
        });
      });
    };
    next(0);
  }

  async #post(url: string, payload: string, signature: string): Promise<number> {
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', 'X-Rutter-Signature': signature },
        body: payload,
        redirect: 'manual',
        signal: AbortSignal.any([this.#abort.signal, AbortSignal.timeout(webhookTimeoutMs)]),
      });
      await response.arrayBuffer();
      return response.status;
    } catch {
      return requestFailed;
    }
  }
}
