import { invalidInput, gone, type Answer, type ApiRequest } from './http.js';
import { iso } from './render.js';
import type { Route } from './route.js';
import type { Sandbox } from './sandbox.js';

const webhookConfigId = '00000000-0000-4000-8000-000000000001';

export const configRoutes: readonly Route[] = [
  { method: 'GET', path: '/configs/webhooks', auth: 'basic', answer: listWebhookConfigs },
  { method: 'GET', path: '/configs/webhooks/:id', auth: 'basic', answer: showWebhookConfig },
  { method: 'GET', path: '/events', auth: 'connection', answer: listEvents },
];

function listWebhookConfigs(sandbox: Sandbox): Answer {
  return { status: 200, body: { webhooks: webhookConfigs(sandbox) } };
}

function showWebhookConfig(sandbox: Sandbox, request: ApiRequest): Answer {
  const found = webhookConfigs(sandbox).find((config) => config['id'] === request.params['id']);
  if (found === undefined) throw gone('the webhook');
  return { status: 200, body: found };
}

function webhookConfigs(sandbox: Sandbox): Record<string, unknown>[] {
  const url = sandbox.options.webhookUrl;
  if (url === undefined) return [];
  const at = iso(0);
  return [
    {
      id: webhookConfigId,
      api_version: '2024-08-31',
      url,
      disabled: false,
      allow_list: null,
      created_at: at,
      updated_at: at,
    },
  ];
}

/** Documented: filled for other platforms only; on Sage always empty. */
function listEvents(_sandbox: Sandbox, request: ApiRequest): Answer {
  if (request.query.get('type') !== 'object_deleted') throw invalidInput('type must be object_deleted');
  return { status: 200, body: { events: [], next_cursor: null } };
}
