import { z } from 'zod';
import { atLeast, duration, httpUrl, isSecure, list, secureOrigin } from './value-types.js';

/** Accounts created at a time by one handoff: 80 accounts of 8 s each take under three minutes. */
const publishConcurrencyDefault = 4;
/** More at a time would use up Rutter's 500 requests in 10 s, which all customers share, with a few handoffs. */
const publishConcurrencyMax = 16;

/** Variables of the channel `rutter`. */
export const rutterVariables = {
  RUTTER_API_URL: httpUrl
    .refine((text) => isSecure(new URL(text)), 'must be https (plain http only on localhost)')
    .default('https://production.rutterapi.com/versioned')
    .meta({ description: "base of Rutter's API", underNpmStart: 'the sandbox' }),
  RUTTER_CLIENT_ID: z.string().min(1).meta({ description: 'client id at Rutter', underNpmStart: 'created' }),
  RUTTER_CLIENT_SECRET: z.string().min(1).meta({
    description: 'client secret at Rutter; also the key of webhook signatures',
    underNpmStart: 'created',
  }),
  RUTTER_VERSION: z.string().default('2024-08-31').meta({ description: "version of Rutter's API" }),
  RUTTER_PLATFORM: z
    .string()
    .regex(/^(any|[A-Z][A-Z0-9_]*)$/, 'must be a platform of Rutter such as SAGE_BANK_FEEDS, or any')
    .default('SAGE_BANK_FEEDS')
    .meta({
      description:
        'platform of connections that we create; `any` leaves it to the customer in Rutter Link (only with `RUTTER_CONNECTION_MODE=link`)',
    }),
  RUTTER_CONNECTION_MODE: z.enum(['api', 'link']).default('api').meta({
    description:
      '`api`: a handoff creates its connection; `link`: the customer first connects Sage in Rutter Link',
  }),
  RUTTER_REDIRECT_ORIGINS: list(secureOrigin).default(['https://link.rutterapi.com']).meta({
    description: 'exact origins that a login may end at, comma-separated',
    underNpmStart: 'also the sandbox',
  }),
  FEED_SYNC_INTERVAL: duration
    .refine(...atLeast('1s'))
    .prefault('24h')
    .meta({ description: 'the longest time that a live feed goes without a check' }),
  FEED_ACTIVATION_POLL_MIN: duration
    .refine(...atLeast('100ms'))
    .prefault('2s')
    .meta({ description: 'first wait between checks of an account that is not chosen yet' }),
  FEED_ACTIVATION_POLL_MAX: duration
    .refine(...atLeast('1s'))
    .prefault('15m')
    .meta({ description: 'longest wait between such checks on the first day' }),
  RUTTER_PUBLISH_CONCURRENCY: z.coerce
    .number()
    .int()
    .min(1)
    .max(publishConcurrencyMax)
    .default(publishConcurrencyDefault)
    .meta({
      description: `accounts that one handoff creates at Rutter at a time, 1 to ${publishConcurrencyMax}`,
    }),
  RUTTER_ACCOUNT_FACTS: z.enum(['all', 'supported']).default('all').meta({
    description:
      "what Rutter is sent of an account when it is created: `all` that we know, or only what Rutter's API description supports for Sage",
  }),
  RUTTER_START_DATE_FROM_OPENED_ON: z
    .enum(['true', 'false'])
    .transform((text) => text === 'true')
    .prefault('false')
    .meta({
      description:
        "`true`: an account is created at Rutter with its `opened_on` as start date; not tried live, it may pre-set the customer's choice in Sage",
    }),
  HANDOFF_OTP_LATEST: duration
    .refine(...atLeast('1s'))
    .prefault('9m30s')
    .meta({
      description: "no one-time password is created later than this after the browser's first arrival",
    }),
};

/** Without Rutter Link nobody could choose the platform of a connection. Null when the settings agree. */
export function platformProblem(config: {
  readonly RUTTER_PLATFORM: string;
  readonly RUTTER_CONNECTION_MODE: 'api' | 'link';
}): string | null {
  if (config.RUTTER_PLATFORM !== 'any' || config.RUTTER_CONNECTION_MODE === 'link') return null;
  return 'any needs RUTTER_CONNECTION_MODE=link: only in Rutter Link can the customer choose the platform';
}
