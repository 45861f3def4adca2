import { z } from 'zod';
import { checkRedirect, pollAddress, type KnownOrigins } from './addresses.js';
import type { SageBankingClient, SageLinkPoll, SageLinkStart } from './client.js';
import type { CompanyRequester } from './company-request.js';
import type { SageOperation } from './operations.js';
import { pollPeriodSchema } from './poll-period.js';
import type { Requester } from './request.js';
import { sageLinkedAccountSchema } from './schemas.js';

const startSchema = z.object({
  redirect: z.string().min(1),
  pollRoute: z.string().min(1),
  pollPeriod: pollPeriodSchema,
});

/** A 202: another route for the next call (contract 5.2). */
const waitingSchema: z.ZodType<SageLinkPoll> = z
  .object({ pollRoute: z.string().min(1), pollPeriod: pollPeriodSchema })
  .transform(({ pollRoute, pollPeriod }) => ({ kind: 'waiting', pollRoute, pollPeriodMs: pollPeriod }));

/** A 200. A renewed authorisation succeeds without an account (assumed, contract 6.4). */
const finishedSchema: z.ZodType<SageLinkPoll> = z
  .object({ success: z.boolean(), account: sageLinkedAccountSchema.nullish() })
  .transform(({ success, account }) =>
    success ? { kind: 'succeeded', account: account ?? null } : { kind: 'failed' },
  );

export type LinkCalls = Pick<SageBankingClient, 'startLink' | 'startReauthorisation' | 'pollLink'>;

export function createLinkCalls(options: {
  request: Requester;
  companyRequest: CompanyRequester;
  origins: KnownOrigins;
}): LinkCalls {
  const { request, companyRequest, origins } = options;

  /** Foreign addresses are refused before the customer is redirected. */
  const checked = (operation: SageOperation, start: z.output<typeof startSchema>): SageLinkStart => {
    const { redirect, pollRoute, pollPeriod: pollPeriodMs } = start;
    checkRedirect(origins, { operation, redirect });
    pollAddress(origins, { operation, pollRoute });
    return { redirect, pollRoute, pollPeriodMs };
  };

  return {
    async startLink({ access, bankId, e2e, signal }) {
      const start = await companyRequest({
        operation: 'startLink',
        method: 'GET',
        access,
        signal,
        redirectIsAnswer: true,
        segments: ['indirectlinkaccount'],
        query: { bankId, web: 'true', e2e },
        schema: startSchema,
      });
      return checked('startLink', start);
    },

    async startReauthorisation({ access, bankAccountId, signal }) {
      const start = await companyRequest({
        operation: 'startReauthorisation',
        method: 'GET',
        access,
        signal,
        redirectIsAnswer: true,
        segments: ['bankaccounts', bankAccountId, 'indirectauth'],
        query: { web: 'true' },
        schema: startSchema,
      });
      return checked('startReauthorisation', start);
    },

    async pollLink({ pollRoute, signal }) {
      const operation = 'pollLink' as const;
      const url = pollAddress(origins, { operation, pollRoute });
      // No headers: the address itself is signed (contract 1).
      const polled = await request({
        operation,
        method: 'GET',
        url,
        schema: finishedSchema,
        waitingSchema,
        spendsRoute: true,
        signal,
        secrets: addressSecrets(url),
      });
      if (polled.kind === 'waiting') pollAddress(origins, { operation, pollRoute: polled.pollRoute });
      return polled;
    },
  };
}

/** The whole route is a secret, and so are its parameters. */
function addressSecrets(url: URL): string[] {
  return [url.href, url.pathname, ...url.searchParams.values()];
}
