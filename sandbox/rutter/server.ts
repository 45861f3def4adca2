import type { IncomingMessage, ServerResponse } from 'node:http';
import { listen, type Listening } from '../stand-in/listen.js';
import { handleApi } from './api.js';
import { defaultKnobs, rateLimitMax, rateWindowMs } from './assumptions.js';
import { VirtualClock } from '../stand-in/clock.js';
import { turnKnobs } from '../stand-in/control-machine.js';
import { handleControl } from './control.js';
import type { SandboxEvent } from './events.js';
import { rutterFaultBoard } from './faults.js';
import { startJob } from './jobs.js';
import { Journal } from '../stand-in/journal.js';
import { RateWindow } from '../stand-in/rate-window.js';
import { RequestLog } from './request-log.js';
import { completeLogin, redirectPage } from './sage-redirect.js';
import type { Sandbox, SandboxOptions } from './sandbox.js';
import { SandboxState } from './state.js';
import { WebhookSender } from './webhooks.js';

export type { SandboxOptions } from './sandbox.js';

/** A sandbox has one organisation with a fixed id. */
const ORGANISATION_ID = '5a6d0000-0000-4000-8000-00000000f00d';

export interface RunningSandbox {
  /** Origin, no path. */
  url: string;
  /** Base of the API: the origin with `/versioned`. */
  apiUrl: string;
  port: number;
  /** Stops listening, closes open connections and the journal. Unfinished jobs continue after the next start. */
  close(): Promise<void>;
}

/**
 * Starts a strict stand-in for the part of Rutter that a Sage bank feed uses. In memory, unless `dataFile` is given;
 * then acknowledged changes survive kill -9.
 * @throws the listen error (EADDRINUSE …), or an Error naming a damaged line of the journal.
 */
export async function startRutterSandbox(options: SandboxOptions): Promise<RunningSandbox> {
  const { sandbox, journal } = await build(options);
  let listening: Listening;
  try {
    listening = await listen(options, (message, response) => route(sandbox, message, response));
  } catch (error) {
    sandbox.clock.close();
    journal?.close();
    throw error;
  }
  sandbox.origin = listening.url;
  sandbox.linkOrigin = options.linkOrigin ?? sandbox.origin;
  sandbox.webhooks.start(sandbox);
  for (const job of sandbox.state.jobs.values()) startJob(sandbox, job.id);
  return {
    url: sandbox.origin,
    apiUrl: `${sandbox.origin}/versioned`,
    port: listening.port,
    close: async () => {
      sandbox.clock.close();
      sandbox.webhooks.close();
      await listening.close();
      journal?.close();
    },
  };
}

async function build(
  options: SandboxOptions,
): Promise<{ sandbox: Sandbox; journal: Journal<SandboxEvent> | undefined }> {
  const state = new SandboxState();
  const apply = (event: SandboxEvent): void => state.apply(event);
  const journal = options.dataFile === undefined ? undefined : await Journal.open(options.dataFile, apply);
  const clock = new VirtualClock();
  clock.setOffset(state.clockOffsetMs);
  const sandbox: Sandbox = {
    options,
    organisationId: ORGANISATION_ID,
    clock,
    knobs: turnKnobs(defaultKnobs, { ...defaultKnobs }, { ...options.knobs }),
    state,
    faults: rutterFaultBoard(),
    requests: new RequestLog(),
    rate: new RateWindow(rateLimitMax, rateWindowMs),
    webhooks: new WebhookSender(),
    jobWaiters: new Map(),
    origin: '',
    linkOrigin: '',
    commit(event) {
      journal?.append(event);
      state.apply(event);
    },
    violation(rule, detail) {
      this.commit({
        type: 'violation',
        finding: { rule, detail, at: new Date(clock.nowMs()).toISOString() },
      });
    },
    note(rule, detail) {
      this.commit({ type: 'note', finding: { rule, detail, at: new Date(clock.nowMs()).toISOString() } });
    },
  };
  return { sandbox, journal };
}

async function route(sandbox: Sandbox, message: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(message.url ?? '/', sandbox.origin);
  if (url.pathname.startsWith('/versioned/')) return handleApi(sandbox, message, response, url);
  if (url.pathname.startsWith('/_sandbox/')) return handleControl(sandbox, message, response, url);
  if (url.pathname === '/sage_redirect' && message.method === 'GET')
    return sageRedirect(sandbox, response, url);
  if (url.pathname === '/sage_landing')
    return sendPage(response, 200, redirectPage('Linked', 'The bank is linked.'));
  const text = 'This is a stand-in for Rutter: its API is under /versioned, its controls under /_sandbox.';
  return sendPage(response, 404, redirectPage('Nothing here', text));
}

function sageRedirect(sandbox: Sandbox, response: ServerResponse, url: URL): void {
  const outcome = completeLogin(sandbox, url.searchParams);
  if (outcome.kind === 'refused') {
    return sendPage(response, 400, redirectPage('The bank was not linked', `Reason: ${outcome.reason}.`));
  }
  response.writeHead(302, { Location: outcome.location, 'Cache-Control': 'no-store', 'Content-Length': 0 });
  response.end();
}

function sendPage(response: ServerResponse, status: number, html: string): void {
  response.writeHead(status, { 'Content-Type': 'text/html; charset=utf-8', 'Cache-Control': 'no-store' });
  response.end(html);
}
