import { createClockedFetch } from '../../../../clients/http/clocked-fetch.js';
import { createRutterClient } from '../../../../clients/rutter/client.js';
import type { DoctorChannel } from '../channel.js';
import { clockCheck } from '../clocks.js';
import { ok, skipped } from '../check.js';
import { providerFinding, rejectedCredentials } from '../providers.js';

/** Doctor sends a few requests: they do not wait for a turn, so that it works without a database. */
const unlimited = { acquire: () => Promise.resolve(), slowDown: () => Promise.resolve() };

const variables = 'RUTTER_CLIENT_ID and RUTTER_CLIENT_SECRET';

/** Rutter answers and accepts our credentials, shown by a request for a job that cannot exist. */
export const rutterDoctor: DoctorChannel = {
  createChecks({ worker }) {
    if (worker === null) {
      return [{ id: 'rutter', run: () => skipped('needs the variables of the worker') }];
    }
    const clocked = createClockedFetch(Date.now);
    const client = createRutterClient({
      baseUrl: worker.RUTTER_API_URL,
      clientId: worker.RUTTER_CLIENT_ID,
      clientSecret: worker.RUTTER_CLIENT_SECRET,
      version: worker.RUTTER_VERSION,
      limiter: unlimited,
      fetch: clocked.fetch,
    });
    const address = new URL(worker.RUTTER_API_URL).origin;
    return [
      {
        id: 'rutter',
        run: async (signal) => {
          try {
            if ((await client.probeCredentials({ signal })) === 'refused') {
              return rejectedCredentials({ provider: 'Rutter', variables });
            }
            return ok(`${address} answers and accepts our credentials`);
          } catch (error) {
            return providerFinding(error, {
              provider: 'Rutter',
              address,
              addressVariable: 'RUTTER_API_URL',
              variables,
            });
          }
        },
      },
      clockCheck({
        id: 'clock-rutter',
        part: 'Rutter',
        isHttpDate: true,
        read: async () => {
          await client.probeCredentials();
          return clocked.lastReading();
        },
      }),
    ];
  },
};
