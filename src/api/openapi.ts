import { OpenAPIRegistry, OpenApiGeneratorV31 } from '@asteasolutions/zod-to-openapi';
import { z } from 'zod';
import type { ApiChannels } from './channel.js';
import { commandSchema } from './command-json.js';
import type { AnswerDoc, Route } from './define-route.js';

export type OpenApiDocument = ReturnType<OpenApiGeneratorV31['generateDocument']>;

const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    code: z.string().meta({ description: 'Stable: branch on this.' }),
    detail: z.string(),
    errors: z.array(z.object({ pointer: z.string(), message: z.string() })).optional(),
    request_id: z.string(),
  })
  .meta({ id: 'Problem' });

const idempotencyHeader = z.object({
  'Idempotency-Key': z.string().max(255).optional().meta({
    description:
      'Repeating the request with the same key within 24 hours gets the first answer; another request with this key is 409.',
  }),
});

const ifMatchHeader = z.object({
  'If-Match': z.string().optional().meta({
    description:
      'The `ETag` of the version that the change is based on: when it is another one by now, nothing is changed and the answer is 412. Without it the change is made in any case.',
  }),
});
const etagHeader = z.object({
  ETag: z.string().meta({ description: 'Changes with every change of the resource.' }),
});

const problemAnswers: Readonly<Record<string, string>> = {
  400: 'Malformed JSON, unknown or repeated parameter',
  401: 'No valid token',
  403: 'The token belongs to another role',
  409: 'Conflict with what is stored, or the key was used for another request',
  412: 'The resource is not the version of `If-Match` any more; nothing was changed',
  413: 'The body is too large; nothing was stored',
  415: 'Another media type, encoding or charset',
  422: 'The body breaks a rule; `errors` lists each finding with its JSON pointer',
  429: 'Too many requests; retry after `Retry-After`',
  501: 'This installation does not use the channel (`channel_not_configured`)',
  502: 'The provider refuses our own credentials, or sends an answer that it should not',
  503: 'The database, Temporal or the provider does not answer; retry after `Retry-After`',
};
const answersOfReads = ['400', '401', '403', '503'];
/** 412 is listed by routes with entity tags, 501 by those of a channel that can be without configuration. */
const answersOfWrites = Object.keys(problemAnswers).filter((status) => status !== '412' && status !== '501');

/** Paths that need no token, beside the channels' webhooks. */
const openPaths = [
  { method: 'get', path: '/healthz', summary: 'The process is alive', statuses: [200] },
  {
    method: 'get',
    path: '/readyz',
    summary:
      'Whether this process can do its work: a writable database and the Temporal namespace; with codes of causes and of what is degraded, and with the ops token their texts',
    statuses: [200, 503],
  },
  { method: 'get', path: '/metrics', summary: 'Metrics for Prometheus', statuses: [200] },
] as const;

function plainAnswers(statuses: readonly number[]) {
  return Object.fromEntries(
    statuses.map((status) => [
      status,
      { description: status === 200 ? 'Yes' : (problemAnswers[String(status)] ?? 'No') },
    ]),
  );
}

/** The OpenAPI 3.1 document of the machine API, generated from the schemas that validate its requests. */
export function createOpenApi(input: {
  channels: ApiChannels;
  routes: readonly Route[];
  publicUrl: string;
}): OpenApiDocument {
  const registry = new OpenAPIRegistry();
  const commandAnswer = {
    description: 'Still running: read the command at `Location`',
    schema: commandSchema(input.channels),
  };
  registry.registerComponent('securitySchemes', 'core', { type: 'http', scheme: 'bearer' });
  registry.registerComponent('securitySchemes', 'ops', { type: 'http', scheme: 'bearer' });
  for (const route of input.routes) registerRoute(registry, route, commandAnswer);
  for (const path of openPaths) {
    registry.registerPath({ ...path, tags: ['service'], responses: plainAnswers(path.statuses) });
  }
  for (const { webhook } of Object.values(input.channels)) {
    if (webhook === null) continue;
    registry.registerPath({
      method: 'post',
      path: webhook.path,
      summary: webhook.summary,
      tags: ['service'],
      responses: plainAnswers(webhook.statuses),
    });
  }
  return new OpenApiGeneratorV31(registry.definitions).generateDocument({
    openapi: '3.1.0',
    info: {
      title: 'bankfeeds machine API',
      version: '1',
      description:
        'For core banking (role core) and operators (role ops). Errors are `application/problem+json` with a stable `code`.',
    },
    servers: [{ url: input.publicUrl }],
  });
}

function registerRoute(registry: OpenAPIRegistry, route: Route, commandAnswer: AnswerDoc): void {
  const body = bodyOf(route);
  const query = 'query' in route && Object.keys(route.query.shape).length > 0 ? route.query : undefined;
  registry.registerPath({
    method: route.method,
    path: route.path,
    operationId: operationId(route),
    summary: route.summary,
    ...(route.description === undefined ? {} : { description: route.description }),
    tags: [tagOf(route.path)],
    security: route.roles.map((role) => ({ [role]: [] })),
    request: {
      ...(Object.keys(route.params.shape).length > 0 ? { params: route.params } : {}),
      ...(query === undefined ? {} : { query }),
      ...headersOf(route),
      ...(body === undefined ? {} : { body: { content: body } }),
    },
    responses: { ...goodAnswers(route, commandAnswer), ...badAnswers(route) },
  });
}

function headersOf(route: Route) {
  if (route.method === 'post') return { headers: idempotencyHeader };
  return route.hasEtag === true && route.method !== 'get' ? { headers: ifMatchHeader } : {};
}

function bodyOf(route: Route) {
  if ('bodies' in route) return route.bodies;
  if (route.body === undefined) return undefined;
  return { 'application/json': { schema: route.body.documented ?? route.body.schema } };
}

function goodAnswers(route: Route, commandAnswer: AnswerDoc) {
  const answers = route.runsCommand === true ? { ...route.answers, 202: commandAnswer } : route.answers;
  return Object.fromEntries(
    Object.entries(answers).map(([status, answer]) => [
      status,
      {
        description: answer.description,
        ...(route.hasEtag === true && status !== '202' && route.method !== 'delete'
          ? { headers: etagHeader }
          : {}),
        ...(answer.schema === undefined
          ? {}
          : { content: { 'application/json': { schema: answer.schema } } }),
      },
    ]),
  );
}

function badAnswers(route: Route) {
  const content = { 'application/problem+json': { schema: problemSchema } };
  const statuses = [
    ...(route.method === 'get' ? answersOfReads : answersOfWrites),
    ...(route.hasEtag === true && route.method !== 'get' && route.method !== 'post' ? ['412'] : []),
    ...(route.problems ?? []).map(String),
  ];
  const answers = Object.fromEntries(
    statuses.map((status) => [status, { description: problemAnswers[status] ?? '', content }]),
  );
  return { ...answers, 404: { description: `No such ${route.resource}`, content } };
}

/**
 * `POST /v1/feeds/{feed_id}/pause` is `postFeedsPause`; an id that is the last part, or not the first id, is `ById`: what
 * is done to one thing differs from what is done to many.
 */
function operationId(route: Route): string {
  const parts = route.path.split('/').filter((part) => part !== '' && part !== 'v1');
  const firstId = parts.findIndex(isId);
  const names = parts.map((part, index) => {
    if (!isId(part)) return part.charAt(0).toUpperCase() + part.slice(1);
    return index > firstId || index === parts.length - 1 ? 'ById' : '';
  });
  return route.method + names.join('');
}

function isId(part: string): boolean {
  return part.startsWith('{');
}

function tagOf(path: string): string {
  return path.split('/')[2] ?? 'other';
}
