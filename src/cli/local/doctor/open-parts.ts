import { Client, Connection } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import {
  ConfigurationError,
  readApiConfig,
  readMigrateConfig,
  readTemporalEnvironment,
  readWorkerConfig,
  type ApiConfig,
  type MigrateConfig,
  type WorkerConfig,
} from '../../../config.js';
import { parseKeyring, type Keyring } from '../../../crypto/keyring.js';
import { createPool, type Pool } from '../../../db/pool.js';
import { createDataConverter } from '../../../temporal/data-converter.js';
import type { Environment } from '../../environment.js';
import { textOf } from './check.js';
import type { RoleConfiguration } from './configuration.js';
import type { TemporalParts } from './temporal.js';

/** The roles whose variables are checked. */
export const doctorRoles = ['api', 'worker', 'migrate'] as const;
export type DoctorRole = (typeof doctorRoles)[number];

/** Every part that the checks use. A part is null where its variables are missing or wrong; nothing connects before use. */
export interface DoctorParts {
  readonly api: RoleConfiguration<ApiConfig> | null;
  readonly worker: RoleConfiguration<WorkerConfig> | null;
  readonly migrate: RoleConfiguration<MigrateConfig> | null;
  readonly keyring: Keyring | null;
  readonly keyProblems: readonly string[];
  readonly pool: Pool | null;
  readonly temporal: TemporalParts | null;
  readonly temporalProblems: readonly string[];
  close(): Promise<void>;
}

/** As many checks read the database at the same time. */
const databaseConnectionsMax = 4;
/** A Temporal server answers a new connection within this time, or counts as away. */
const connectMs = 5_000;
/** A connection that is not closed by then is left to the end of the process. */
const closeMs = 2_000;

/** Reads the variables of the roles and prepares the parts that they name. */
export function openParts(environment: Environment, roles: readonly DoctorRole[]): DoctorParts {
  const wanted = <Config>(role: DoctorRole, read: (from: Environment) => Config) =>
    roles.includes(role) ? configurationOf(() => read(environment)) : null;
  const api = wanted('api', readApiConfig);
  const worker = wanted('worker', readWorkerConfig);
  // It needs the least variables: with them the database is checked, whatever the roles lack.
  const database = configurationOf(() => readMigrateConfig(environment));
  const keys = parseKeyring(api?.config?.ENCRYPTION_KEYS ?? worker?.config?.ENCRYPTION_KEYS ?? '');
  const hasKeys = (api?.config ?? worker?.config ?? null) !== null;
  const pool =
    database.config === null
      ? null
      : createPool(database.config.DATABASE_URL, databaseConnectionsMax, () => undefined);
  const temporal = openTemporal(environment, keys.ok ? keys.keyring : null);
  return {
    api,
    worker,
    migrate: roles.includes('migrate') ? database : null,
    keyring: keys.ok ? keys.keyring : null,
    keyProblems: keys.ok || !hasKeys ? [] : keys.problems.map((problem) => `ENCRYPTION_KEYS: ${problem}`),
    pool,
    temporal: temporal.parts,
    temporalProblems: temporal.problems,
    close: async () => {
      const closing = Promise.allSettled([pool?.end(), temporal.parts?.connection.close()]);
      await Promise.race([closing, new Promise((resolve) => setTimeout(resolve, closeMs).unref())]);
    },
  };
}

function configurationOf<Config>(read: () => Config): RoleConfiguration<Config> {
  try {
    return { config: read(), problems: null };
  } catch (error) {
    if (error instanceof ConfigurationError) return { config: null, problems: error.problems };
    throw error;
  }
}

function openTemporal(
  environment: Environment,
  keyring: Keyring | null,
): {
  parts: TemporalParts | null;
  problems: readonly string[];
} {
  try {
    const overrideEnvVars = readTemporalEnvironment(environment);
    const { connectionOptions, namespace = 'default' } = loadClientConnectConfig({ overrideEnvVars });
    // One attempt a call: a check says what it met, and the one who runs it tries again.
    const connection = Connection.lazy({ ...connectionOptions, connectTimeout: connectMs, interceptors: [] });
    const client = new Client({
      connection,
      namespace,
      ...(keyring === null ? {} : { dataConverter: createDataConverter(keyring) }),
    });
    const address = connectionOptions.address ?? 'localhost:7233';
    return { parts: { connection, client, namespace, address }, problems: [] };
  } catch (error) {
    return {
      parts: null,
      problems: error instanceof ConfigurationError ? error.problems : [textOf(error)],
    };
  }
}
