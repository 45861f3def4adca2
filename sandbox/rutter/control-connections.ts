import { challengeLifetimeMs, linkPlatforms } from './assumptions.js';
import { newConnection } from './connections.js';
import {
  ControlError,
  booleanOf,
  findConnection,
  integerOf,
  textOf,
  type ControlAction,
  type ControlRequest,
} from './control-action.js';
import { isObject, newId } from './http.js';
import { connectionStatuses, type ConnectionRecord, type ConnectionStatus } from './records.js';
import { iso, renderAccount } from './render.js';
import { linkUrl } from './render-answer.js';
import type { Sandbox } from './sandbox.js';

export const connectionActions: readonly ControlAction[] = [
  { method: 'POST', path: '/challenges', run: startLogin },
  { method: 'POST', path: '/public-tokens', run: makePublicToken },
  { method: 'GET', path: '/connections', run: listConnections },
  { method: 'GET', path: '/connections/:id', run: showConnection },
  { method: 'POST', path: '/connections/:id/status', run: setStatus },
  { method: 'POST', path: '/connections/:id/reconnect', run: reconnect },
  { method: 'POST', path: '/connections/:id/token', run: setTokenRevoked },
  { method: 'POST', path: '/organisations/revoke', run: setOrganisationRevoked },
  { method: 'POST', path: '/webhooks', run: sendWebhook },
  { method: 'GET', path: '/webhooks', run: (sandbox) => ({ deliveries: sandbox.webhooks.deliveries }) },
];

/** The customer has picked the bank in Sage: a challenge, and the redirect that Rutter would append un-encoded. */
function startLogin(sandbox: Sandbox, { body }: ControlRequest): unknown {
  const nowMs = sandbox.clock.nowMs();
  const challenge = newId();
  const sageCompany = textOf(body['sage_company'], 'sage_company', `Sage company ${challenge.slice(0, 8)}`);
  sandbox.commit({
    type: 'challenge_made',
    challenge: { challenge, sageCompany, createdAtMs: nowMs, spentAtMs: null },
  });
  const redirectUri = `${sandbox.origin}/sage_redirect?challenge=${challenge}`;
  return {
    challenge,
    redirect_uri: redirectUri,
    login_query: `challenge=${challenge}&redirect_uri=${redirectUri}`,
    expires_at: iso(nowMs + challengeLifetimeMs),
  };
}

/** Somebody has finished Rutter Link: a fresh connection, or with connection_id one that had no platform yet. */
function makePublicToken(sandbox: Sandbox, { body }: ControlRequest): unknown {
  const platform = textOf(body['platform'], 'platform', 'SAGE_INTACCT');
  if (!linkPlatforms.includes(platform)) {
    throw new ControlError(400, `platform must be one of ${linkPlatforms.join(', ')}`);
  }
  const connection = linkedConnection(sandbox, body['connection_id'], platform);
  const token = newId();
  sandbox.commit({
    type: 'public_token_made',
    token: { token, connectionId: connection.id, createdAtMs: sandbox.clock.nowMs(), usedAtMs: null },
  });
  return { public_token: token, connection_id: connection.id, platform };
}

function linkedConnection(sandbox: Sandbox, id: unknown, platform: string): ConnectionRecord {
  const nowMs = sandbox.clock.nowMs();
  if (id === undefined) {
    const connection = newConnection(platform, nowMs);
    sandbox.commit({ type: 'connection_made', connection });
    return connection;
  }
  const connection = findConnection(sandbox, textOf(id, 'connection_id'));
  sandbox.commit({ type: 'connection_linked', connectionId: connection.id, platform, atMs: nowMs });
  return connection;
}

function listConnections(sandbox: Sandbox): unknown {
  return {
    connections: [...sandbox.state.connections.values()].map((connection) => view(sandbox, connection)),
  };
}

function showConnection(sandbox: Sandbox, { params }: ControlRequest): unknown {
  return view(sandbox, findConnection(sandbox, params['id'] ?? ''));
}

/** Without the access_token: tests get it where the client does. */
function view(sandbox: Sandbox, connection: ConnectionRecord): Record<string, unknown> {
  return {
    id: connection.id,
    platform: connection.platform,
    status: connection.status,
    disabled_reason: connection.disabledReason,
    name: connection.name,
    sage_company: connection.sageCompany,
    linked: connection.sageCompany !== null,
    link_url: linkUrl(sandbox, connection.id),
    accounts: sandbox.state
      .accountsOf(connection.id, sandbox.clock.nowMs())
      .map((account) => renderAccount(account, sandbox.knobs)),
  };
}

/** Changes the status of a connection and sends the webhook about it, unless `silent`. */
function setStatus(sandbox: Sandbox, { params, body }: ControlRequest): unknown {
  const connection = findConnection(sandbox, params['id'] ?? '');
  const status = textOf(body['status'], 'status') as ConnectionStatus;
  if (!connectionStatuses.includes(status)) {
    throw new ControlError(400, `status must be one of ${connectionStatuses.join(', ')}`);
  }
  const before = connection.status;
  const reason = status === 'disabled' ? textOf(body['reason'], 'reason', 'MANUALLY_DISABLED') : null;
  const atMs = sandbox.clock.nowMs();
  sandbox.commit({ type: 'connection_status', connectionId: connection.id, status, reason, atMs });
  if (!booleanOf(body['silent'], 'silent', false)) announce(sandbox, connection, before, reason);
  return view(sandbox, connection);
}

function announce(
  sandbox: Sandbox,
  connection: ConnectionRecord,
  before: ConnectionStatus,
  reason: string | null,
): void {
  if (connection.status === 'needs_reauth') {
    const extras = { update_url: linkUrl(sandbox, connection.id) };
    sandbox.webhooks.connectionEvent(connection, 'CONNECTION_NEEDS_UPDATE', extras);
  } else if (connection.status === 'disabled') {
    sandbox.webhooks.connectionEvent(connection, 'CONNECTION_DISABLED', { reason });
  } else if (connection.status === 'active' && before === 'not_ready') {
    sandbox.webhooks.connectionEvent(connection, 'INITIAL_UPDATE');
  } else if (connection.status === 'active' && before === 'needs_reauth') {
    sandbox.webhooks.connectionEvent(connection, 'CONNECTION_UPDATED', { store_unique_id: connection.id });
  }
}

/** The person has followed the update URL: active again, same access_token, CONNECTION_UPDATED is sent. */
function reconnect(sandbox: Sandbox, { params, body }: ControlRequest): unknown {
  const connection = findConnection(sandbox, params['id'] ?? '');
  const platform = textOf(body['platform'], 'platform', connection.platform ?? 'SAGE_INTACCT');
  const atMs = sandbox.clock.nowMs();
  sandbox.commit({ type: 'connection_linked', connectionId: connection.id, platform, atMs });
  sandbox.webhooks.connectionEvent(connection, 'CONNECTION_UPDATED', { store_unique_id: connection.id });
  return view(sandbox, connection);
}

function setTokenRevoked(sandbox: Sandbox, { params, body }: ControlRequest): unknown {
  const connection = findConnection(sandbox, params['id'] ?? '');
  const revoked = booleanOf(body['revoked'], 'revoked', true);
  sandbox.commit({ type: 'token_revoked', connectionId: connection.id, revoked });
  return { id: connection.id, token_revoked: revoked };
}

function setOrganisationRevoked(sandbox: Sandbox, { body }: ControlRequest): unknown {
  const revoked = booleanOf(body['revoked'], 'revoked', true);
  sandbox.commit({ type: 'organisation_revoked', revoked });
  return { revoked };
}

/** Sends one webhook now. */
function sendWebhook(sandbox: Sandbox, { body }: ControlRequest): unknown {
  if (sandbox.options.webhookUrl === undefined)
    throw new ControlError(409, 'this sandbox has no webhook URL');
  const connection = findConnection(sandbox, textOf(body['connection_id'], 'connection_id'));
  const extras = body['extras'] ?? {};
  if (!isObject(extras)) throw new ControlError(400, 'extras must be an object');
  const kind = { type: textOf(body['type'], 'type', 'CONNECTION'), code: textOf(body['code'], 'code') };
  const deliveries = sandbox.webhooks.send(connection, kind, extras, {
    drop: booleanOf(body['drop'], 'drop', false),
    copies: integerOf(body['copies'], 'copies', 1),
    wrongSignature: booleanOf(body['wrong_signature'], 'wrong_signature', false),
  });
  return { deliveries };
}
