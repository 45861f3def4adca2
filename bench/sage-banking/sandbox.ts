import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { askControl } from '../../sandbox/stand-in/ask-control.js';
import { createSageBankingClient } from '../../src/clients/sage-banking/create-client.js';
import { putCustomer } from '../../src/db/customers.js';
import type { AccountFixture } from '../../test/support/sage-banking/account.js';
import { forkChild } from '../forked-child.js';
import type { Fixture } from '../fixture.js';
import type { SageSandboxAddress, SageSandboxRequest } from './sandbox-child.js';

export interface BenchSage extends AccountFixture {
  /** For the worker: where Sage is, and who we are there. */
  readonly environment: Readonly<Record<string, string>>;
  counters(): Promise<Readonly<Record<string, number>>>;
  /** Empty = the contract was kept. */
  faults(): Promise<readonly string[]>;
  stop(): Promise<void>;
}

const application = { id: 'Sage.UK.Bench', signingKey: 'sk_bench_signing_key' };
const startMs = 30_000;

/** Starts the sandbox of Sage's Banking Service in addition to the fixture's servers. Stop it before the fixture closes. */
export async function startSageSandbox(fixture: Fixture): Promise<BenchSage> {
  const logFile = join(fixture.folder, 'logs', 'sage-sandbox.log');
  const child = forkChild({ entry: 'sage-banking/sandbox-child.ts', logFile });
  const { url } = await child
    .ask<SageSandboxAddress>({ application } satisfies SageSandboxRequest, startMs)
    .catch(async (error: unknown) => {
      await child.stop();
      throw error;
    });
  const control: BenchSage['control'] = (method, path, body) => askControl({ url, method, path, body });
  const client = createSageBankingClient({
    bankingUrl: url,
    authUrl: url,
    tokenServiceUrl: url,
    linkOrigins: [url],
    applicationId: application.id,
    signingKey: application.signingKey,
    provider: undefined,
  });
  return {
    pool: fixture.pool,
    keyring: fixture.keyring,
    control,
    deps: { sage: { client } },
    environment: {
      SAGE_BANKING_URL: url,
      SAGE_AUTH_URL: url,
      SAGE_TOKEN_SERVICE_URL: url,
      SAGE_APPLICATION_ID: application.id,
      SAGE_SIGNING_KEY: application.signingKey,
      // The next check is due after the measurement.
      SAGE_STATUS_POLL_MIN: '1h',
    },
    makeCustomer: async () => {
      const customerId = `bench-${randomUUID()}`;
      await putCustomer(fixture.pool, {
        customerId,
        name: 'Bench',
        email: null,
        locale: 'en-GB',
        timeZone: null,
        login: 'keep',
      });
      return { customerId };
    },
    counters: async () => (await control('GET', '/counters')) as Record<string, number>,
    faults: async () => {
      const { violations } = (await control('GET', '/violations')) as {
        violations: { rule: string; detail: string }[];
      };
      return violations.map(({ rule, detail }) => `${rule}: ${detail}`);
    },
    stop: () => child.stop(),
  };
}
