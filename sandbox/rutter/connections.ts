import {
  connectionNameCharactersMax,
  creatablePlatforms,
  platformsWithCredentials,
  publicTokenLifetimeMs,
} from './assumptions.js';
import { gone, invalidInput, isObject, newId, type Answer, type ApiRequest } from './http.js';
import type { Plan } from './jobs.js';
import type { ConnectionRecord, ConnectionStatus } from './records.js';
import { iso, nullableEnum } from './render.js';
import { linkUrl, renderCreatedConnection } from './render-answer.js';
import type { Route } from './route.js';
import type { Sandbox } from './sandbox.js';

/** Documented: an omitted status hides the broken connections. */
const listedByDefault: readonly ConnectionStatus[] = ['active', 'not_ready', 'unhealthy'];
const bankFeedObjects: readonly string[] = ['bank_feed_account', 'bank_feed_transaction'];

export const connectionRoutes: readonly Route[] = [
  { method: 'POST', path: '/connections/create', auth: 'basic', plan: planCreate, needsKey: true },
  { method: 'GET', path: '/connections', auth: 'basic', answer: listConnections },
  {
    method: 'GET',
    path: '/connections/access_token',
    auth: 'connection',
    inAnyState: true,
    answer: showByToken,
  },
  { method: 'GET', path: '/connections/status', auth: 'connection', inAnyState: true, answer: showStatus },
  { method: 'PATCH', path: '/connections/:id', auth: 'basic', plan: planRename },
  { method: 'DELETE', path: '/connections/:id', auth: 'basic', answer: deleteConnection },
  {
    method: 'POST',
    path: '/connections/access_token/invalidate',
    auth: 'connection',
    inAnyState: true,
    plan: planInvalidate,
  },
  { method: 'POST', path: '/connections/incremental_sync', auth: 'connection', plan: planIncrementalSync },
  { method: 'POST', path: '/item/public_token/exchange', auth: 'body', plan: planExchange },
];

/** A connection as POST /connections/create makes it; platform null = picked later in Link. */
export function newConnection(platform: string | null, nowMs: number): ConnectionRecord {
  return {
    id: newId(),
    accessToken: newId(),
    platform,
    status: platform === null ? 'not_ready' : 'active',
    disabledReason: null,
    name: null,
    sageCompany: null,
    tokenRevoked: false,
    createdAtMs: nowMs,
    updatedAtMs: nowMs,
  };
}

function planCreate(sandbox: Sandbox, request: ApiRequest): Plan {
  const body = request.json ?? {};
  if (!isObject(body)) throw invalidInput('the body must be a JSON object');
  const platform = body['platform'] ?? null;
  if (platform !== null) {
    if (typeof platform !== 'string' || !creatablePlatforms.includes(platform)) {
      throw invalidInput(
        `platform cannot be created by API; use one of ${creatablePlatforms.join(', ')}, or Link`,
      );
    }
    const others = Object.keys(body).filter((name) => !['platform', 'scope', 'syncConfig'].includes(name));
    if (platformsWithCredentials.includes(platform) && others.length === 0) {
      throw invalidInput(`${platform} needs credentials`);
    }
  }
  const connection = newConnection(platform, sandbox.clock.nowMs());
  return { work: { kind: 'create_connection', connection }, runMs: 0, responseMode: 'prefer_sync' };
}

function listConnections(sandbox: Sandbox, request: ApiRequest): Answer {
  const asked = request.query.get('status');
  const known = [...listedByDefault, 'needs_reauth', 'disabled', 'any'];
  if (asked !== null && !known.includes(asked))
    throw invalidInput(`status must be one of ${known.join(', ')}`);
  const shown = [...sandbox.state.connections.values()].filter((connection) => {
    if (asked === 'any') return true;
    return asked === null ? listedByDefault.includes(connection.status) : connection.status === asked;
  });
  return {
    status: 200,
    body: {
      connections: shown.map((connection) => ({
        ...renderCreatedConnection(sandbox, connection),
        platform: connection.platform,
        status: connection.status,
        created_at: iso(connection.createdAtMs),
        updated_at: iso(connection.updatedAtMs),
      })),
    },
  };
}

function showByToken(sandbox: Sandbox, request: ApiRequest): Answer {
  const connection = connectionOf(request);
  return {
    status: 200,
    body: {
      connection: {
        id: connection.id,
        platform: connection.platform,
        needs_update: connection.status === 'needs_reauth',
        disabled: connection.status === 'disabled',
        link_url: linkUrl(sandbox, connection.id),
        store_unique_id: connection.id,
        store_name: connection.sageCompany,
        store_domain: null,
        unavailable_objects: null,
        last_sync_started_at: iso(connection.updatedAtMs),
        last_sync_completed_at: iso(connection.updatedAtMs),
      },
    },
  };
}

function showStatus(sandbox: Sandbox, request: ApiRequest): Answer {
  const connection = connectionOf(request);
  return {
    status: 200,
    body: {
      status: {
        is_ready: connection.status !== 'not_ready',
        is_healthy: connection.status === 'active',
        link_url: linkUrl(sandbox, connection.id),
        platform: connection.platform,
        last_sync_completed_at: connection.status === 'not_ready' ? null : iso(connection.updatedAtMs),
        needs_update_status: { needs_update: connection.status === 'needs_reauth' },
        disabled_status: {
          is_disabled: connection.status === 'disabled',
          disabled_reason: nullableEnum(connection.disabledReason, sandbox.knobs),
        },
        historical_sync_status: { is_completed: connection.status !== 'not_ready' },
      },
    },
  };
}

function planRename(sandbox: Sandbox, request: ApiRequest): Plan {
  const connection = sandbox.state.connections.get(request.params['id'] ?? '');
  if (connection === undefined) throw gone('the connection');
  const name = isObject(request.json) ? request.json['name'] : undefined;
  if (typeof name !== 'string' || name === '' || name.length > connectionNameCharactersMax) {
    throw invalidInput(`name must have 1 to ${connectionNameCharactersMax} characters`);
  }
  for (const other of sandbox.state.connections.values()) {
    if (other.id !== connection.id && other.name === name)
      throw invalidInput('name is used by another connection');
  }
  return {
    work: { kind: 'rename_connection', connectionId: connection.id, name },
    runMs: 0,
    responseMode: 'prefer_sync',
  };
}

function deleteConnection(sandbox: Sandbox, request: ApiRequest): Answer {
  const id = request.params['id'] ?? '';
  if (!sandbox.state.connections.has(id)) throw gone('the connection');
  sandbox.commit({ type: 'connection_deleted', connectionId: id });
  return { status: 200, body: { success: true } };
}

/** The old token is refused at once (our assumption). */
function planInvalidate(_sandbox: Sandbox, request: ApiRequest): Plan {
  const { id } = connectionOf(request);
  return {
    work: { kind: 'replace_token', connectionId: id, accessToken: newId() },
    runMs: 0,
    responseMode: 'prefer_sync',
  };
}

function planIncrementalSync(_sandbox: Sandbox, request: ApiRequest): Plan {
  const types: unknown = isObject(request.json) ? request.json['object_types'] : undefined;
  if (types !== undefined && !Array.isArray(types)) throw invalidInput('object_types must be a list');
  const names = (types ?? []).map(String);
  const wrong = names.find((name) => bankFeedObjects.includes(name.toLowerCase()));
  if (wrong !== undefined) throw invalidInput(`${wrong} cannot be synced incrementally`);
  return { work: { kind: 'nothing', body: { success: true } }, runMs: 0, responseMode: 'prefer_sync' };
}

/** Single use, valid for 30 minutes; a second use answers 400 (our assumptions). Credentials are checked before. */
function planExchange(sandbox: Sandbox, request: ApiRequest): Plan {
  const token = isObject(request.json) ? request.json['public_token'] : undefined;
  const record = typeof token === 'string' ? sandbox.state.publicTokens.get(token) : undefined;
  const isAlive =
    record?.usedAtMs === null && sandbox.clock.nowMs() - record.createdAtMs <= publicTokenLifetimeMs;
  if (record === undefined || !isAlive) throw invalidInput('public_token is unknown, used or expired');
  return {
    work: { kind: 'exchange_public_token', token: record.token },
    runMs: 0,
    responseMode: 'prefer_sync',
  };
}

function connectionOf(request: ApiRequest): ConnectionRecord {
  if (request.connection === undefined) throw new Error('this route needs a connection');
  return request.connection;
}
