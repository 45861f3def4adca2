import { createClockedFetch } from '../../../../clients/http/clocked-fetch.js';
import { createSageBankingClient } from '../../../../clients/sage-banking/create-client.js';
import type { SageBankingClient } from '../../../../clients/sage-banking/client.js';
import { UnsealError } from '../../../../crypto/seal.js';
import type { Pool } from '../../../../db/pool.js';
import type { Keyring } from '../../../../crypto/keyring.js';
import { accessOf, readNewestSageCompany } from '../../../../db/sage-banking/companies.js';
import type { DoctorChannel } from '../channel.js';
import { failed, ok, skipped, type Finding } from '../check.js';
import { clockCheck } from '../clocks.js';
import { providerFinding } from '../providers.js';

/** The Banking Service answers and knows our application, and gives a token for a company of ours, if there is one. */
export const sageBankingDoctor: DoctorChannel = {
  createChecks({ worker, pool, keyring }) {
    if (worker === null)
      return [{ id: 'sage-banking', run: () => skipped('needs the variables of the worker') }];
    const { SAGE_BANKING_URL: bankingUrl, SAGE_APPLICATION_ID: applicationId } = worker;
    if (bankingUrl === undefined || applicationId === undefined) {
      return [{ id: 'sage-banking', run: () => skipped('without SAGE_BANKING_URL the channel is not used') }];
    }
    const clocked = createClockedFetch(Date.now);
    const client = createSageBankingClient({
      bankingUrl,
      authUrl: worker.SAGE_AUTH_URL,
      tokenServiceUrl: worker.SAGE_TOKEN_SERVICE_URL ?? bankingUrl,
      linkOrigins: worker.SAGE_LINK_ORIGINS ?? [bankingUrl],
      applicationId,
      signingKey: worker.SAGE_SIGNING_KEY,
      provider: worker.SAGE_PROVIDER,
      fetch: clocked.fetch,
    });
    return [
      {
        id: 'sage-banking',
        run: async (signal) => {
          try {
            await client.listBanks({ signal });
          } catch (error) {
            return providerFinding(error, {
              provider: 'the Banking Service',
              address: bankingUrl,
              addressVariable: 'SAGE_BANKING_URL',
              variables: 'SAGE_APPLICATION_ID',
            });
          }
          return await proveCompany({ client, pool, keyring, signal, authUrl: worker.SAGE_AUTH_URL });
        },
      },
      clockCheck({
        id: 'clock-sage-banking',
        part: 'the Banking Service',
        isHttpDate: true,
        read: async () => {
          await client.listBanks({});
          return clocked.lastReading();
        },
      }),
    ];
  },
};

/** SAGE_SIGNING_KEY itself is used only to create an organisation, which nothing can undo: it is not tried. */
async function proveCompany(input: {
  client: SageBankingClient;
  pool: Pool | null;
  keyring: Keyring | null;
  authUrl: string;
  signal: AbortSignal;
}): Promise<Finding> {
  const { client, pool, keyring, signal } = input;
  const known = 'the Banking Service answers and knows our application';
  const company = pool === null ? null : await readNewestSageCompany(pool).catch(() => null);
  if (company === null || keyring === null) {
    return ok(`${known}; no company whose token could be tried`);
  }
  try {
    await client.proveAccess({ access: accessOf(keyring, company), signal });
    return ok(`${known}, and gives a token for a company`);
  } catch (error) {
    if (error instanceof UnsealError) {
      return failed(
        'the signing key of a company cannot be decrypted',
        'Put the key that encrypted it back into ENCRYPTION_KEYS (docs/operations/data.md).',
      );
    }
    return providerFinding(error, {
      provider: "Sage's Authentication Service",
      address: input.authUrl,
      addressVariable: 'SAGE_AUTH_URL',
      variables: 'SAGE_APPLICATION_ID and the signing key of the company (onboarding)',
    });
  }
}
