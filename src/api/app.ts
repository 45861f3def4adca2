import express, { type Express, type RequestHandler, type Router } from 'express';
import helmet from 'helmet';
import { createBackgroundSignals, type BackgroundSignals } from './background-signals.js';
import type { ApiChannels } from './channel.js';
import type { Route } from './define-route.js';
import type { ApiDeps } from './deps.js';
import { createErrorHandler } from './errors.js';
import { createMetrics } from './metrics.js';
import { createOpenApi } from './openapi.js';
import { Problem, notFound } from './problem.js';
import { giveRequestId, requestIdOf } from './request-id.js';
import { createRoutes } from './routes/index.js';
import { runRoute, runStreamRoute } from './run-route.js';
import { mountServiceRoutes } from './service-routes.js';

/** The parts of an app that are given to it; it creates the others itself. */
export interface AppInput extends Omit<ApiDeps, 'config' | 'metrics' | 'accountSignals' | 'nowMs'> {
  readonly channels: ApiChannels;
  readonly config: ApiDeps['config'] & { readonly publicUrl: string };
  /** Everything for browsers; mounted behind the API. */
  readonly pages?: Router;
  readonly nowMs?: () => number;
}

export interface App {
  readonly app: Express;
  /** Completes when every wake-up requested by an answered call was sent or given up. */
  readonly drained: () => Promise<void>;
}

/** Signals in flight at a time, and keys that may wait: beyond that the feed's own next check does the work. */
const signalsInFlightMax = 8;
const signalsWaitingMax = 10_000;
/** Between two signals for the same account or connection. */
const signalRestMs = 250;

/** Wires the app: headers, machine API, reference, webhooks, pages, errors. Nothing connects or listens. */
export function createApp(input: AppInput): App {
  const { channels, pages, config } = input;
  const metrics = createMetrics(input);
  for (const channel of Object.values(channels)) channel.observe?.({ ...metrics, pool: input.pool });
  const allSignals: BackgroundSignals[] = [];
  const createSignals = (wanted: SignalsInput) => {
    const signals = signalsOf(input, metrics, wanted);
    allSignals.push(signals);
    return signals;
  };
  const accountSignals = createSignals({
    idName: 'accountId',
    send: async (accountId) => {
      for (const channel of Object.values(channels)) await channel.wakeFeedsOf(input.pool, { accountId });
    },
  });
  const deps: ApiDeps = { ...input, metrics, accountSignals, nowMs: input.nowMs ?? Date.now };
  const routes = createRoutes(channels);
  const app = express();
  app.set('case sensitive routing', true);
  app.set('strict routing', true);
  app.set('etag', false);
  app.set('trust proxy', config.TRUSTED_PROXIES.length === 0 ? false : [...config.TRUSTED_PROXIES]);
  app.use(giveRequestId, securityHeaders(), observe(deps));
  mountServiceRoutes(app, deps, createOpenApi({ channels, routes, publicUrl: config.publicUrl }));
  mountRoutes(app, deps, routes);
  for (const { webhook } of Object.values(channels)) {
    if (webhook === null) continue;
    app.post(webhook.path, webhook.createHandler({ deps, createSignals }));
    app.all(webhook.path, methodNotAllowed(['POST']));
  }
  if (pages !== undefined) app.use(pages);
  app.use(() => {
    throw notFound('resource');
  });
  app.use(createErrorHandler(deps));
  return {
    app,
    drained: async () => {
      await Promise.all(allSignals.map((signals) => signals.drained()));
    },
  };
}

interface SignalsInput {
  /** Names the key in log lines. */
  readonly idName: string;
  readonly send: (id: string) => Promise<void>;
}

function signalsOf(input: AppInput, metrics: ApiDeps['metrics'], { idName, send }: SignalsInput) {
  return createBackgroundSignals({
    send,
    inFlightMax: signalsInFlightMax,
    waitingMax: signalsWaitingMax,
    restMs: signalRestMs,
    onFailed: (key, error) => {
      metrics.countLostSignal('failed');
      input.logger.warn(
        { err: error, [idName]: key },
        'wake-up not sent; the next check of the feed makes up for it',
      );
    },
    onDropped: (key) => {
      metrics.countLostSignal('dropped');
      input.logger.warn(
        { [idName]: key },
        'too many wake-ups waiting; the next check of the feed makes up for it',
      );
    },
  });
}

/**
 * The pages share this origin, and Sage opens the login in a pop-up or a frame, so no answer carries COOP or
 * X-Frame-Options. `frame-ancestors` refuses frames instead; the pages replace this policy with their own.
 */
function securityHeaders(): RequestHandler[] {
  return [
    helmet({
      crossOriginOpenerPolicy: false,
      xFrameOptions: false,
      referrerPolicy: { policy: 'same-origin' },
      contentSecurityPolicy: {
        useDefaults: false,
        directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
      },
    }),
    (_request, response, next) => {
      response.setHeader('Cache-Control', 'no-store');
      next();
    },
  ];
}

/** Logs and times each request under its route's template, since paths contain ids and a query may contain a challenge. */
function observe(deps: ApiDeps): RequestHandler {
  return (request, response, next) => {
    const startedMs = performance.now();
    response.on('close', () => {
      const seconds = (performance.now() - startedMs) / 1_000;
      const route = `${request.baseUrl}${routeOf(request.route) ?? ''}` || 'none';
      const { method } = request;
      const status = response.writableFinished ? response.statusCode : 499;
      deps.metrics.observeRequest({ method, route, status, seconds });
      const line = {
        requestId: requestIdOf(response),
        method,
        route,
        status,
        durationMs: Math.round(seconds * 1_000),
      };
      deps.logger[quietRoutes.has(route) ? 'debug' : 'info'](line, 'request');
    });
    next();
  };
}

const quietRoutes: ReadonlySet<string> = new Set(['/healthz', '/readyz', '/metrics']);

function routeOf(route: unknown): string | null {
  const path = (route as { path?: unknown } | undefined)?.path;
  return typeof path === 'string' ? path : null;
}

function mountRoutes(app: Express, deps: ApiDeps, routes: readonly Route[]): void {
  const methods = new Map<string, string[]>();
  for (const route of routes) {
    const path = expressPath(route.path);
    app[route.method](path, handlerOf(deps, route));
    const name = route.method.toUpperCase();
    methods.set(path, [...(methods.get(path) ?? []), ...(name === 'GET' ? ['GET', 'HEAD'] : [name])]);
  }
  for (const [path, allowed] of methods) app.all(path, methodNotAllowed(allowed));
}

function handlerOf(deps: ApiDeps, route: Route): RequestHandler {
  return (request, response) =>
    'handleStream' in route
      ? runStreamRoute(deps, route, request, response)
      : runRoute(deps, route, request, response);
}

/** Express writes `{feed_id}` as `:feed_id`. */
function expressPath(path: string): string {
  return path.replace(/\{(\w+)\}/g, ':$1');
}

function methodNotAllowed(allowed: readonly string[]): RequestHandler {
  return () => {
    throw new Problem({
      status: 405,
      code: 'method_not_allowed',
      detail: `this path allows only ${allowed.join(', ')}`,
      headers: { Allow: allowed.join(', ') },
    });
  };
}
