import { readFile } from 'node:fs/promises';
import { isPortFree, freePort } from './free-port.js';
import { LocalFailure } from './local-failure.js';

type Environment = Readonly<Record<string, string | undefined>>;

/** The settings of a local start: which parts are real, and the ports of the embedded ones. */
export interface StartSettings {
  localDir: string;
  port: number;
  publicUrl: string;
  /** Set if the variable names a real part; then no embedded one is started. */
  databaseUrl?: string;
  temporalAddress?: string;
  rutterApiUrl?: string;
  temporalUiUrl?: string;
  temporalNamespace: string;
  temporalPort: number;
  temporalUiPort: number;
  postgresPort: number;
  /** Port of the Rutter sandbox; Sage's Banking Service and Sage's screens have the next two. */
  sandboxPort: number;
}

/** The sandboxes' ports: Rutter, Sage Banking Service, Sage's screens. */
const sandboxPorts = 3;
const searchAttemptsMax = 50;

/**
 * Reads the variables of `npm start` and completes ports given as 0.
 *
 * @throws LocalFailure with the invalid variable, or the port that is in use
 */
export async function readStartSettings(environment: Environment): Promise<StartSettings> {
  const wantedPort = readPort(environment, 'PORT', 8080);
  const wantedSandboxPort = readPort(environment, 'SANDBOX_PORT', 8090);
  const real = {
    ...optional('databaseUrl', await readSecret(environment, 'DATABASE_URL')),
    ...optional('temporalAddress', environment['TEMPORAL_ADDRESS']),
    ...optional('rutterApiUrl', environment['RUTTER_API_URL']),
    ...optional('temporalUiUrl', environment['TEMPORAL_UI_URL']),
  };
  const port = wantedPort === 0 ? await freePort() : wantedPort;
  return {
    localDir: environment['LOCAL_DIR'] || '.local',
    port,
    publicUrl: (environment['PUBLIC_URL'] || `http://localhost:${port}`).replace(/\/$/, ''),
    ...real,
    temporalNamespace: environment['TEMPORAL_NAMESPACE'] || 'default',
    temporalPort: readPort(environment, 'TEMPORAL_PORT', 7233),
    temporalUiPort: readPort(environment, 'TEMPORAL_UI_PORT', 8233),
    postgresPort: readPort(environment, 'POSTGRES_PORT', 54_320),
    sandboxPort: wantedSandboxPort === 0 ? await freeSandboxPort() : wantedSandboxPort,
  };
}

/**
 * Checks that our ports are free before anything is fetched or started. PostgreSQL and Temporal check theirs
 * themselves, since a process of a killed start may use them.
 *
 * @throws LocalFailure with the port that is in use
 */
export async function requirePorts(settings: StartSettings): Promise<void> {
  await requirePort(settings.port, 'the API', 'PORT');
  if (settings.rutterApiUrl !== undefined) return;
  for (let offset = 0; offset < sandboxPorts; offset += 1) {
    await requirePort(settings.sandboxPort + offset, 'the sandboxes', 'SANDBOX_PORT');
  }
}

async function requirePort(port: number, what: string, variable: string): Promise<void> {
  if (await isPortFree(port)) return;
  throw new LocalFailure(
    `Port ${port} for ${what} is in use: end what listens there, or set ${variable} to another port (0 = a free one).`,
  );
}

function readPort(environment: Environment, name: string, fallback: number): number {
  const text = environment[name];
  if (text === undefined || text === '') return fallback;
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  throw new LocalFailure(
    `${name} must be a port from 0 to 65535 (0 = a free one), but is ${JSON.stringify(text)}.`,
  );
}

/** A secret from its variable or from the file that `…_FILE` names, as in the roles. */
export async function readSecret(environment: Environment, name: string): Promise<string | undefined> {
  const file = environment[`${name}_FILE`];
  if (environment[name] || !file) return environment[name];
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text === undefined)
    throw new LocalFailure(`${name}_FILE names ${file}, which cannot be read: correct it.`);
  return text.trim();
}

/** The first of three consecutive free ports for the sandboxes. @throws LocalFailure if there are none */
export async function freeSandboxPort(): Promise<number> {
  for (let attempt = 1; attempt <= searchAttemptsMax; attempt += 1) {
    const first = await freePort();
    const others = Array.from({ length: sandboxPorts - 1 }, (_, index) => first + index + 1);
    if (first + sandboxPorts > 65_535) continue;
    const free = await Promise.all(others.map((port) => isPortFree(port)));
    if (free.every(Boolean)) return first;
  }
  throw new LocalFailure('No three free ports in a row were found for the sandboxes: set SANDBOX_PORT.');
}

function optional<Key extends string>(key: Key, value: string | undefined): Partial<Record<Key, string>> {
  return value ? ({ [key]: value } as Record<Key, string>) : {};
}
