import type { Express } from 'express';
import type { ApiDeps } from './deps.js';
import { createDocsPage } from './docs-page.js';
import type { OpenApiDocument } from './openapi.js';
import { readReadiness } from './readiness.js';

/** Routes for running and integrating the service: health, readiness, metrics and the reference. None needs a token. */
export function mountServiceRoutes(app: Express, deps: ApiDeps, document: OpenApiDocument): void {
  const docs = createDocsPage(document);
  app.get('/healthz', (_request, response) => {
    response.json({ status: 'ok' });
  });
  app.get('/readyz', async (_request, response) => {
    const readiness = await readReadiness(deps);
    response.status(readiness.ready ? 200 : 503).json(readiness);
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
