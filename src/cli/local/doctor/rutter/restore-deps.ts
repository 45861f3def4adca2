import { setTimeout as sleep } from 'node:timers/promises';
import type { ActivityDeps } from '../../../../activities/channels.js';
import { createRutterClient } from '../../../../clients/rutter/client.js';
import type { WorkerConfig } from '../../../../config.js';
import type { Keyring } from '../../../../crypto/keyring.js';
import type { Pool } from '../../../../db/pool.js';
import { createRateLimiter } from '../../../../db/rate-limiter.js';

/** What the repair after a restore works with, as a worker would have it. Nothing of it uses the other channel. */
export function restoreDeps(input: {
  worker: WorkerConfig;
  pool: Pool;
  keyring: Keyring;
  workflows: ActivityDeps['workflows'];
}): ActivityDeps {
  const { worker, pool, keyring, workflows } = input;
  return {
    pool,
    keyring,
    workflows,
    rutter: createRutterClient({
      baseUrl: worker.RUTTER_API_URL,
      clientId: worker.RUTTER_CLIENT_ID,
      clientSecret: worker.RUTTER_CLIENT_SECRET,
      version: worker.RUTTER_VERSION,
      limiter: createRateLimiter({ pool, name: 'rutter' }),
    }),
    sage: null,
    settings: {
      rutterPlatform: worker.RUTTER_PLATFORM,
      redirectOrigins: worker.RUTTER_REDIRECT_ORIGINS,
      handoffOtpLatestMs: worker.HANDOFF_OTP_LATEST,
      connectionMode: worker.RUTTER_CONNECTION_MODE,
      publishConcurrency: worker.RUTTER_PUBLISH_CONCURRENCY,
      feedSyncIntervalMs: worker.FEED_SYNC_INTERVAL,
      bankTimeZone: worker.BANK_TIME_ZONE ?? null,
      feedActivationPollMinMs: worker.FEED_ACTIVATION_POLL_MIN,
      feedActivationPollMaxMs: worker.FEED_ACTIVATION_POLL_MAX,
      accountFacts: worker.RUTTER_ACCOUNT_FACTS,
      startDateFromOpenedOn: worker.RUTTER_START_DATE_FROM_OPENED_ON,
    },
    wait: (waitMs, signal) => sleep(waitMs, undefined, { signal }),
    stopping: new AbortController().signal,
  };
}
