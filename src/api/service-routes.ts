import type { Express } from 'express';
import { roleOf } from './auth.js';
import type { ApiDeps } from './deps.js';
import { createDocsPage } from './docs-page.js';
import type { OpenApiDocument } from './openapi.js';
import { publicReadiness, readReadiness } from './readiness.js';

/**
 * Routes for running and integrating the service: health, readiness, metrics and the reference. None needs a token; with
 * the operators' token, readiness has the texts of its causes.
 */
export function mountServiceRoutes(app: Express, deps: ApiDeps, document: OpenApiDocument): void {
  const docs = createDocsPage(document);
  app.get('/healthz', (_request, response) => {
    response.json({ status: 'ok' });
  });
  app.get('/readyz', async (request, response) => {
    const readiness = await readReadiness(deps);
    const { CORE_API_TOKEN: core, OPS_API_TOKEN: ops } = deps.config;
    const isOperator = roleOf(request.get('authorization'), { core, ops }) === 'ops';
    response.status(readiness.ready ? 200 : 503).json(isOperator ? readiness : publicReadiness(readiness));
  });
  app.get('/metrics', async (_request, response) => {
    const { registry } = deps.metrics;
    response.setHeader('Content-Type', registry.contentType);
    response.end(await registry.metrics());
  });
  app.get('/openapi.json', (_request, response) => {
    response.json(document);
  });
  app.get('/docs', (_request, response) => {
    response.setHeader('Content-Security-Policy', docs.contentSecurityPolicy);
    response.type('html').send(docs.html);
  });
}
