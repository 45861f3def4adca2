import { z } from 'zod';
import { atLeast, duration, list, secureOrigin } from './value-types.js';

/** Variables of the channel `sage-banking`. Without `SAGE_BANKING_URL` it has no configuration. */
export const sageBankingVariables = {
  SAGE_BANKING_URL: secureOrigin.optional().meta({
    description:
      "origin of Sage's Banking Service, such as `https://qa.sagebankdrive.com`; without it the channel `sage-banking` is closed",
    underNpmStart: 'the sandbox',
  }),
  SAGE_AUTH_URL: secureOrigin
    .default('https://api-money.sage.com')
    .meta({ description: "origin of Sage's Authentication Service", underNpmStart: 'the sandbox' }),
  SAGE_TOKEN_SERVICE_URL: secureOrigin.optional().meta({
    description: "origin of Sage's token service, for desktop customers",
    underNpmStart: 'the sandbox',
    whenUnset: '`SAGE_BANKING_URL`',
  }),
  SAGE_LINK_ORIGINS: list(secureOrigin).optional().meta({
    description: 'exact origins that a poll route may have, comma-separated',
    whenUnset: 'the origin of `SAGE_BANKING_URL`',
  }),
  SAGE_APPLICATION_ID: z.string().min(1).optional().meta({
    description: 'product id at Sage; required with `SAGE_BANKING_URL`',
    underNpmStart: "the sandbox's",
  }),
  SAGE_SIGNING_KEY: z.string().min(1).optional().meta({
    description: "the product's signing key; without it there are no cloud customers",
    underNpmStart: "the sandbox's",
  }),
  SAGE_ORGANISATION_ROUTE: z
    .enum(['banking_service', 'authentication_service'])
    .default('banking_service')
    .meta({
      description:
        'how organisations of cloud products are created: `banking_service` or `authentication_service` (decision 0018)',
    }),
  SAGE_PROVIDER: z.string().min(1).optional().meta({
    description: '`x-provider` at the token service; without it there are no desktop customers',
    underNpmStart: "the sandbox's",
  }),
  SAGE_STATUS_POLL_MIN: duration
    .refine(...atLeast('100ms'))
    .prefault('5s')
    .meta({ description: 'first wait between checks of a bank account at Sage' }),
  SAGE_STATUS_POLL_MAX: duration
    .refine(...atLeast('1s'))
    .prefault('1h')
    .meta({ description: 'longest wait between such checks' }),
};
