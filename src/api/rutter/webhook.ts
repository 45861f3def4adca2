import type { RequestHandler } from 'express';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { z } from 'zod';
import { sha256Hex } from '../../crypto/hash.js';
import { connectionOfWebhook, recordWebhook } from '../../db/rutter/webhooks.js';
import type { RutterFacade } from '../../temporal/rutter/facade.js';
import type { BackgroundSignals } from '../background-signals.js';
import type { ChannelWebhook } from '../channel.js';
import type { ApiDeps } from '../deps.js';
import { parseJson } from '../json-text.js';
import { Problem } from '../problem.js';
import { decodeUtf8, readBody } from '../read-body.js';

/** A webhook is a small object; a bank feed account in it has a few KB. */
const bodyBytesMax = 256 * 1024;
/** Webhooks of one sender in a second; Rutter is asked to repeat any more. */
const perSecondMax = 200;
const codeLengthMax = 64;
const idLengthMax = 255;

/** The fields that we read of a webhook (contract section 13). Its `access_token` is not read. */
const webhookSchema = z.object({
  type: z.string().min(1).max(codeLengthMax).catch('unknown'),
  code: z.string().min(1).max(codeLengthMax).catch('unknown'),
  connection_id: z.string().min(1).max(idLengthMax).nullable().catch(null),
});

/** Whether Rutter signed a webhook's raw body; a header that was sent twice comes as a list. */
export type VerifyWebhook = (input: {
  rawBody: Uint8Array;
  header: string | readonly string[] | undefined;
}) => boolean;

/**
 * Rutter's webhooks. A webhook is only a wake-up: its hash is stored, the connection that it names checks Rutter itself,
 * and its claims are not trusted. So a repeated, late or reordered one does no harm. The body contains a live token: it
 * is neither stored nor logged.
 */
export function rutterWebhook(input: { facade: RutterFacade; verifyWebhook: VerifyWebhook }): ChannelWebhook {
  return {
    path: '/webhooks/rutter',
    summary: "Rutter's webhooks, verified by X-Rutter-Signature",
    statuses: [200, 401, 413, 429, 503],
    createHandler: ({ deps, createSignals }) => {
      const connectionSignals = createSignals({
        idName: 'connectionId',
        send: (connectionId) => input.facade.wakeConnection({ connectionId }),
      });
      return webhookHandler({ deps, connectionSignals, verifyWebhook: input.verifyWebhook });
    },
  };
}

interface HandlerInput {
  readonly deps: ApiDeps;
  readonly connectionSignals: BackgroundSignals;
  readonly verifyWebhook: VerifyWebhook;
}

function webhookHandler(input: HandlerInput): RequestHandler {
  const { deps } = input;
  const limiter = new RateLimiterMemory({ points: perSecondMax, duration: 1 });
  return async (request, response) => {
    await limit(limiter, request.ip ?? 'unknown');
    const rawBody = await readBody(request, { bytesMax: bodyBytesMax });
    const header = request.headers['x-rutter-signature'];
    if (!input.verifyWebhook({ rawBody, header })) {
      deps.metrics.countWebhook('bad_signature');
      throw new Problem({
        status: 401,
        code: 'bad_signature',
        detail: 'X-Rutter-Signature does not match the body',
      });
    }
    const webhook = readWebhook(rawBody);
    const { first } = await recordWebhook(deps.pool, {
      bodyHash: sha256Hex(rawBody),
      type: webhook.type,
      code: webhook.code,
    });
    await wake(input, webhook, first);
    response.status(200).json({ received: true });
  };
}

type Webhook = z.output<typeof webhookSchema>;

/** Jobs are our own requests: the delivery run that started one polls it, and a check of the accounts would show nothing new. */
const jobWebhookType = 'JOB';

async function wake(
  { deps, connectionSignals }: HandlerInput,
  webhook: Webhook,
  first: boolean,
): Promise<void> {
  const { type, code, connection_id: rutterConnectionId } = webhook;
  if (type === jobWebhookType) {
    deps.metrics.countWebhook('about_a_job');
    return;
  }
  const connectionId =
    rutterConnectionId === null ? null : await connectionOfWebhook(deps.pool, { rutterConnectionId });
  if (connectionId === null) {
    deps.metrics.countWebhook('unknown_connection');
    deps.logger.info({ type, code }, 'webhook for an unknown connection');
    return;
  }
  deps.metrics.countWebhook(first ? 'taken' : 'repeated');
  deps.logger.info({ type, code, connectionId, first }, 'webhook taken');
  // Also for a repeat: an identical body may report a second event, and a second check is harmless.
  connectionSignals.wake(connectionId);
}

/** A signed body that we cannot read wakes nothing; refusing it would only make Rutter send it again. */
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
