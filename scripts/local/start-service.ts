import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MigrationRefused, runMigrations } from '../../src/db/run-migrations.js';
import { buildWorkflowBundle } from '../workflow-bundle.js';
import { openChildrenRecord } from './children-record.js';
import type { ChildrenRecord } from './children-record.js';
import { makeDemoCustomer } from './demo-customer.js';
import { findTemporalCli } from './find-temporal-cli.js';
import { emptyLocalFolder, openLocalFolder } from './local-folder.js';
import type { LocalFolder } from './local-folder.js';
import { LocalFailure } from './local-failure.js';
import type { PrintLine } from './local-failure.js';
import { startPostgres, stopLeftoverPostgres } from './postgres.js';
import { requireConfiguration } from './require-configuration.js';
import { roleEnvironment } from './role-environment.js';
import { writeRoleEnvironment } from './role-environment-file.js';
import { startRoleProcess } from './role-process.js';
import type { RoleInput } from './role-process.js';
import { keepSecrets } from './secrets.js';
import type { LocalSecrets } from './secrets.js';
import { readSecret, readStartSettings, requirePorts } from './start-settings.js';
import type { StartSettings } from './start-settings.js';
import { supervise } from './supervise.js';
import type { Supervised } from './supervise.js';
import type { RunningPart } from './running-part.js';
import { startTemporalDevServer } from './temporal-dev-server.js';

export interface StartInput {
  environment: Readonly<NodeJS.ProcessEnv>;
  /** Removes the data of earlier starts first. */
  fresh: boolean;
  printLine: PrintLine;
  /** Aborts the start; the parts that are already running are stopped. */
  signal: AbortSignal;
}

export interface RunningService {
  settings: StartSettings;
  /** The effective values: from a variable, or stored. */
  tokens: { core: string; ops: string; demoPassword: string };
  temporalUiUrl?: string;
  logs: string;
  stop(): Promise<void>;
}

type Stoppable = Supervised<RunningPart>;

/** What the steps of one start share. */
interface Start extends StartInput {
  settings: StartSettings;
  folder: LocalFolder;
  children: ChildrenRecord;
  secrets: LocalSecrets;
  /** Stopped first, since they need the servers while they drain. */
  roles: Stoppable[];
  servers: Stoppable[];
}

/**
 * Starts the whole service on this machine: embedded parts where no variable names a real one, migrations, the roles as
 * supervised processes, and a demo customer.
 *
 * @throws LocalFailure with the remedy, after stopping the parts that were started
 * @throws ConfigurationError with every problem of the variables
 */
export async function startService(input: StartInput): Promise<RunningService> {
  const settings = await readStartSettings(input.environment);
  requireConfiguration(input.environment, settings);
  const folder = await openLocalFolder(settings);
  const roles: Stoppable[] = [];
  const servers: Stoppable[] = [];
  let children: ChildrenRecord | undefined;
  const stop = async (): Promise<void> => {
    await Promise.all(roles.map((role) => role.stop()));
    await Promise.all(servers.map((server) => server.stop()));
    // Parts that were still starting when the start was aborted.
    await children?.endAll();
    await stopLeftoverPostgres(folder.postgres);
    await folder.lock.release();
  };
  try {
    children = await cleanUp({ ...input, folder });
    await requirePorts(settings);
    const secrets = await keepSecrets(folder.secretsFile);
    const start = { ...input, settings, folder, children, secrets, roles, servers };
    return { ...(await orAborted(bringUp(start), input.signal)), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Rejects as soon as the signal is aborted: the work itself may take minutes. */
function orAborted<Value>(work: Promise<Value>, signal: AbortSignal): Promise<Value> {
  const aborted = new Promise<never>((_, reject) => {
    const give = (): void => reject(new LocalFailure('stopped before it was ready'));
    if (signal.aborted) give();
    signal.addEventListener('abort', give, { once: true });
  });
  return Promise.race([work, aborted]);
}

/** Ends the processes that a killed start left running; with --fresh also removes its data. */
async function cleanUp(input: StartInput & { folder: LocalFolder }): Promise<ChildrenRecord> {
  const path = join(input.folder.run, 'children.json');
  const children = await openChildrenRecord({ path, printLine: input.printLine });
  if (!input.fresh) return children;
  await stopLeftoverPostgres(input.folder.postgres);
  await emptyLocalFolder(input.folder, input.printLine);
  return openChildrenRecord({ path, printLine: input.printLine });
}

async function bringUp(start: Start): Promise<Omit<RunningService, 'stop'>> {
  const { settings, secrets, environment, folder, printLine } = start;
  // A failure is thrown after all have finished, so that every started part can be stopped.
  const [postgres, temporal, bundle] = await Promise.allSettled([
    startDatabase(start),
    startTemporal(start),
    buildWorkflowBundle(),
  ]);
  const databaseUrl = valueOf(postgres);
  const server = valueOf(temporal);
  valueOf(bundle);

  printLine('migrating the database');
  await runMigrations(databaseUrl, { bankTimeZone: environment['BANK_TIME_ZONE'] || undefined }).catch(
    (error: unknown) => {
      throw error instanceof MigrationRefused ? new LocalFailure(error.message) : error;
    },
  );
  const temporalProfile = join(folder.run, 'temporal.toml');
  // The SDK fails on a file without a profile.
  await writeFile(temporalProfile, '[profile.default]\n');
  const temporalUiUrl = settings.temporalUiUrl ?? server?.uiUrl;
  const env = roleEnvironment({
    environment,
    settings,
    secrets,
    databaseUrl,
    temporalProfile,
    sandboxData: folder.sandbox,
    ...(server === undefined ? {} : { temporalAddress: server.address }),
    ...(temporalUiUrl === undefined ? {} : { temporalUiUrl }),
  });
  await writeRoleEnvironment(folder.root, env);
  await startRoles(start, env);

  const core = (await readSecret(environment, 'CORE_API_TOKEN')) || secrets.coreApiToken;
  const ops = (await readSecret(environment, 'OPS_API_TOKEN')) || secrets.opsApiToken;
  printLine('creating the demo customer');
  const demo = { password: secrets.demoPassword, demoDay: secrets.demoDay };
  await makeDemoCustomer({ apiUrl: `http://localhost:${settings.port}`, coreApiToken: core, ...demo });
  return {
    settings,
    tokens: { core, ops, demoPassword: secrets.demoPassword },
    logs: folder.logs,
    ...(temporalUiUrl === undefined ? {} : { temporalUiUrl }),
  };
}

/** @returns the URL that the roles use */
async function startDatabase(start: Start): Promise<string> {
  const { settings, folder, printLine } = start;
  if (settings.databaseUrl !== undefined) return settings.databaseUrl;
  printLine('starting PostgreSQL');
  // A restart after a crash must use the port that the roles know.
  let port = settings.postgresPort;
  const postgres = await supervise({
    name: 'PostgreSQL',
    printLine,
    start: async () => {
      const server = await startPostgres({
        dataDir: folder.postgres,
        port,
        settings: { max_connections: '200' },
      });
      port = server.port;
      return server;
    },
  });
  start.servers.push(postgres);
  return postgres.first.url;
}

async function startTemporal(start: Start): Promise<{ address: string; uiUrl?: string } | undefined> {
  const { settings, folder, printLine } = start;
  if (settings.temporalAddress !== undefined) return undefined;
  const cliPath = await findTemporalCli({ printLine });
  printLine('starting the Temporal server');
  let ports = { port: settings.temporalPort, uiPort: settings.temporalUiPort };
  const temporal = await supervise({
    name: 'the Temporal server',
    printLine,
    start: async () => {
      const server = await startTemporalDevServer({
        cliPath,
        ...ports,
        dbFile: folder.temporalFile,
        namespaces: [settings.temporalNamespace],
        uiCodecEndpoint: `${settings.publicUrl}/codec`,
        logFile: join(folder.logs, 'temporal.log'),
        onSpawned: (identity) => start.children.add('temporal', identity),
      });
      ports = { port: server.port, uiPort: Number(new URL(server.uiUrl ?? '').port) };
      return server;
    },
  });
  start.servers.push(temporal);
  return temporal.first;
}

async function startRoles(start: Start, env: NodeJS.ProcessEnv): Promise<void> {
  const readyUrl = `http://localhost:${start.settings.port}/readyz`;
  const roles: Pick<RoleInput, 'name' | 'entry' | 'isReady'>[] = [
    { name: 'api', entry: 'src/api/server.ts', isReady: () => answersOk(readyUrl) },
    { name: 'worker', entry: 'worker.ts', isReady: (printed) => printed.includes('"worker running"') },
  ];
  if (start.settings.rutterApiUrl === undefined) {
    const isReady = (printed: string): boolean => printed.includes('"sandbox":"ready"');
    roles.push({ name: 'sandbox', entry: 'sandbox/main.ts', isReady });
  }
  start.printLine(`starting ${roles.map((role) => role.name).join(', ')}`);
  const started = await Promise.allSettled(
    roles.map(async (role) => {
      const supervised = await supervise({
        name: `the ${role.name}`,
        printLine: start.printLine,
        start: () =>
          startRoleProcess({
            ...role,
            env,
            logFolder: start.folder.logs,
            onSpawned: (identity) => start.children.add(role.name, identity),
          }),
      });
      start.roles.push(supervised);
    }),
  );
  for (const result of started) valueOf(result);
}

async function answersOk(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(2_000) })).ok;
  } catch {
    return false;
  }
}

function valueOf<Value>(completed: PromiseSettledResult<Value>): Value {
  if (completed.status === 'rejected') throw completed.reason;
  return completed.value;
}
