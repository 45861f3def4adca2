import type { ConnectionRecord, JobRecord } from './records.js';
import { iso, renderAccount, renderTransaction, withExtras, type Json } from './render.js';
import type { Sandbox } from './sandbox.js';

/** The `connection` object in GET answers about bank feeds (Rutter uses camelCase here). */
export function renderConnectionStub(sandbox: Sandbox, connection: ConnectionRecord): Json {
  return { id: connection.id, orgId: sandbox.organisationId, platform: connection.platform };
}

/** The short form in the answers of create and rename. */
export function renderCreatedConnection(sandbox: Sandbox, connection: ConnectionRecord): Json {
  return {
    id: connection.id,
    access_token: connection.accessToken,
    link_url: linkUrl(sandbox, connection.id),
    name: connection.name,
  };
}

export function linkUrl(sandbox: Sandbox, connectionId: string): string {
  return `${sandbox.linkOrigin}/connection/${connectionId}`;
}

/** The answer of a finished job: the body of a synchronous call. */
export function renderJobBody(sandbox: Sandbox, job: JobRecord): unknown {
  if (job.body !== undefined) return job.body;
  const { state, knobs } = sandbox;
  const { work } = job;
  switch (work.kind) {
    case 'transactions': {
      const lines = job.answered ?? [];
      return { bank_feed_transactions: lines.map((line) => renderTransaction(line.entry, knobs, line)) };
    }
    case 'create_account':
      // Replays of the creation show the account as it was created.
      return {
        bank_feed_account: renderAccount({ ...work.account, updatedAtMs: job.finishedAtMs ?? 0 }, knobs),
      };
    case 'delete_account':
      return { code: 'deleted', success: true };
    case 'create_connection':
      return { connection: renderCreatedConnection(sandbox, work.connection) };
    case 'rename_connection': {
      const connection = state.connections.get(work.connectionId);
      if (connection === undefined) return { connection: null };
      return { connection: { ...renderCreatedConnection(sandbox, connection), name: work.name } };
    }
    case 'replace_token':
      return { new_access_token: work.accessToken };
    case 'exchange_public_token':
      return renderExchange(sandbox, work.token);
    case 'create_otp':
      return withExtras(
        {
          bank_feed_otp: {
            otp: work.otp.otp,
            expires_at: iso(work.otp.expiresAtMs),
            redirect_uri: work.redirectUri,
          },
        },
        knobs,
      );
    case 'nothing':
      return work.body;
    default:
      return work satisfies never;
  }
}

function renderExchange(sandbox: Sandbox, token: string): Json {
  const connectionId = sandbox.state.publicTokens.get(token)?.connectionId ?? '';
  const connection = sandbox.state.connections.get(connectionId);
  return {
    connection_id: connectionId,
    access_token: connection?.accessToken ?? null,
    is_ready: connection?.status === 'active',
    platform: connection?.platform ?? null,
    name: connection?.name ?? null,
  };
}
