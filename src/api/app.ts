import express, { type Express, type RequestHandler, type Router } from 'express';
import helmet from 'helmet';
import { listFeedsToWake } from '../db/rutter/feeds.js';
import type { Route } from './define-route.js';
import type { ApiDeps } from './deps.js';
import { createErrorHandler } from './errors.js';
import { createMetrics } from './metrics.js';
import { createBackgroundSignals } from './background-signals.js';
import { createOpenApi } from './openapi.js';
import { Problem, notFound } from './problem.js';
import { giveRequestId, requestIdOf } from './request-id.js';
import { routes } from './routes/index.js';
import { createRutterWebhook, rutterWebhookPath } from './rutter/routes/post-webhook.js';
import { runRoute, runStreamRoute } from './run-route.js';
import { mountServiceRoutes } from './service-routes.js';

/** What an app is made of. Everything else it makes itself. */
export interface AppInput extends Omit<
  ApiDeps,
  'config' | 'metrics' | 'accountSignals' | 'connectionSignals' | 'nowMs'
> {
  readonly config: ApiDeps['config'] & { readonly publicUrl: string };
  /** Everything for browsers; mounted behind the API. */
  readonly pages?: Router;
  readonly nowMs?: () => number;
}

export interface App {
  readonly app: Express;
  /** Completes when every wake-up asked for by answered requests was sent, or given up. */
  readonly drained: () => Promise<void>;
}

/** Signals under way at a time, and keys that may wait: beyond that the feed's own next check does it. */
const signalsAtOnceMax = 8;
const signalsWaitingMax = 10_000;
/** Between two signals for the same account or connection. */
const signalRestMs = 250;

/** Wires the app: headers, machine API, reference, webhooks, pages, errors. Nothing connects or listens. */
export function createApp(input: AppInput): App {
  const metrics = createMetrics(input);
  const deps: ApiDeps = {
    ...input,
    metrics,
    accountSignals: signalsOf(input, metrics, 'account', async (accountId) => {
      for (const feedId of await listFeedsToWake(input.pool, { accountId }))
        await input.facade.wakeFeed({ feedId });
    }),
    connectionSignals: signalsOf(input, metrics, 'connection', (connectionId) =>
      input.facade.wakeConnection({ connectionId }),
    ),
    nowMs: input.nowMs ?? Date.now,
  };
  const app = express();
  app.set('case sensitive routing', true);
  app.set('strict routing', true);
  app.set('etag', false);
  app.set(
    'trust proxy',
    input.config.TRUSTED_PROXIES.length === 0 ? false : [...input.config.TRUSTED_PROXIES],
  );
  app.use(giveRequestId, securityHeaders(), observe(deps));
  mountServiceRoutes(app, deps, createOpenApi({ routes, publicUrl: input.config.publicUrl }));
  mountRoutes(app, deps);
  app.post(rutterWebhookPath, createRutterWebhook(deps));
  app.all(rutterWebhookPath, methodNotAllowed(['POST']));
  if (input.pages !== undefined) app.use(input.pages);
  app.use(() => {
    throw notFound('resource');
  });
  app.use(createErrorHandler(deps));
  return {
    app,
    drained: async () => {
      await Promise.all([deps.accountSignals.drained(), deps.connectionSignals.drained()]);
    },
  };
}

function signalsOf(
  input: AppInput,
  metrics: ApiDeps['metrics'],
  kind: 'account' | 'connection',
  run: (key: string) => Promise<void>,
) {
  return createBackgroundSignals({
    run,
    concurrencyMax: signalsAtOnceMax,
    waitingMax: signalsWaitingMax,
    restMs: signalRestMs,
    onFailed: (key, error) => {
      metrics.countLostSignal('failed');
      input.logger.warn(
        { err: error, [`${kind}Id`]: key },
        'wake-up not sent; the feed will find it at its next check',
      );
    },
    onDropped: (key) => {
      metrics.countLostSignal('dropped');
      input.logger.warn(
        { [`${kind}Id`]: key },
        'too many wake-ups waiting; the feed will find it at its next check',
      );
    },
  });
}

/**
 * The pages share this origin, and Sage opens the login in a pop-up or a frame: COOP and X-Frame-Options are sent
 * nowhere. Frames are refused by `frame-ancestors` instead; the pages replace this policy with their own.
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

/** Logs and times each request under its route's template: paths hold ids, queries may hold a challenge. */
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

function mountRoutes(app: Express, deps: ApiDeps): void {
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

/** `{feed_id}` is `:feed_id` there. */
function expressPath(path: string): string {
  return path.replace(/\{(\w+)\}/g, ':$1');
}

function methodNotAllowed(allowed: readonly string[]): RequestHandler {
  return () => {
    throw new Problem({
      status: 405,
      code: 'method_not_allowed',
      detail: `only ${allowed.join(', ')} here`,
      headers: { Allow: allowed.join(', ') },
    });
  };
}
