import type { Request, Response } from 'express';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { z } from 'zod';
import { sha256Hex } from '../../../crypto/hash.js';
import { connectionOfWebhook, noteWebhook } from '../../../db/rutter/webhooks.js';
import type { ApiDeps } from '../../deps.js';
import { parseJson } from '../../json-text.js';
import { Problem } from '../../problem.js';
import { decodeUtf8, readBody } from '../../read-body.js';

export const rutterWebhookPath = '/webhooks/rutter';

/** A webhook is a small object; a bank feed account in it has a few KB. */
const bodyBytesMax = 256 * 1024;
/** Webhooks of one sender in a second; beyond, Rutter is asked to repeat them. */
const perSecondMax = 200;
const wordLengthMax = 64;
const idLengthMax = 255;

/** What we read of a webhook (contract 13). Its `access_token` is not read. */
const webhookSchema = z.object({
  type: z.string().min(1).max(wordLengthMax).catch('unknown'),
  code: z.string().min(1).max(wordLengthMax).catch('unknown'),
  connection_id: z.string().min(1).max(idLengthMax).nullable().catch(null),
});

/**
 * Takes Rutter's webhooks. One is only a wake-up: its hash is noted, the connection it names checks Rutter itself, and
 * what it claims is believed by nobody. So a repeated, late or reordered one does no harm. The body holds a live token:
 * it is neither stored nor logged.
 */
export function createRutterWebhook(deps: ApiDeps): (request: Request, response: Response) => Promise<void> {
  const limiter = new RateLimiterMemory({ points: perSecondMax, duration: 1 });
  return async (request, response) => {
    await limit(limiter, request.ip ?? 'unknown');
    const rawBody = await readBody(request, { bytesMax: bodyBytesMax });
    const header = request.headers['x-rutter-signature'];
    if (!deps.verifyWebhook({ rawBody, header })) {
      deps.metrics.countWebhook('bad_signature');
      throw new Problem({
        status: 401,
        code: 'bad_signature',
        detail: 'X-Rutter-Signature does not fit the body',
      });
    }
    const webhook = readWebhook(rawBody);
    const { first } = await noteWebhook(deps.pool, {
      bodyHash: sha256Hex(rawBody),
      type: webhook.type,
      code: webhook.code,
    });
    await wake(deps, webhook, first);
    response.status(200).json({ received: true });
  };
}

type Webhook = z.output<typeof webhookSchema>;

/** Jobs are our own requests: whoever made one follows it, and a check the accounts would tell nothing. */
const jobWebhookType = 'JOB';

async function wake(deps: ApiDeps, webhook: Webhook, first: boolean): Promise<void> {
  const { type, code, connection_id: rutterConnectionId } = webhook;
  if (type === jobWebhookType) {
    deps.metrics.countWebhook('about_a_job');
    return;
  }
  const connectionId =
    rutterConnectionId === null ? null : await connectionOfWebhook(deps.pool, { rutterConnectionId });
  if (connectionId === null) {
    deps.metrics.countWebhook('unknown_connection');
    deps.logger.info({ type, code }, 'webhook for no connection of ours');
    return;
  }
  deps.metrics.countWebhook(first ? 'taken' : 'repeated');
  deps.logger.info({ type, code, connectionId, first }, 'webhook taken');
  // Also for a repeat: the same words may tell of a second event, and a second check is harmless.
  deps.connectionSignals.wake(connectionId);
}

/** A signed body that we cannot read is a wake-up to nobody; refusing it would only bring it again. */
function readWebhook(rawBody: Uint8Array): Webhook {
  const text = decodeUtf8(rawBody);
  const json = text === null ? null : parseJson(text);
  const value = json !== null && 'value' in json ? json.value : {};
  const result = webhookSchema.safeParse(value);
  if (!result.success || !isStorable(result.data))
    return { type: 'unknown', code: 'unknown', connection_id: null };
  return result.data;
}

/** PostgreSQL stores neither NUL nor broken Unicode. */
function isStorable(webhook: Webhook): boolean {
  return !/[\p{Cc}\p{Cs}]/u.test(webhook.type + webhook.code + (webhook.connection_id ?? ''));
}

async function limit(limiter: RateLimiterMemory, sender: string): Promise<void> {
  try {
    await limiter.consume(sender);
  } catch (error) {
    if (!(error instanceof RateLimiterRes)) throw error;
    throw new Problem({
      status: 429,
      code: 'too_many_webhooks',
      detail: 'too many webhooks in a second',
      headers: { 'Retry-After': '1' },
    });
  }
}
