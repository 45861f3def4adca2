import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { freePort, isPortOpen } from '../../../scripts/local/free-port.js';
import { freeSandboxPort } from '../../../scripts/local/start-settings.js';
import { buildWorkflowBundle } from '../../../scripts/workflow-bundle.js';
import { createKeyEntry } from '../../../src/crypto/keyring.js';
import { createTestDatabase, type TestDatabase } from '../../support/database.js';
import {
  signalCommand,
  startNpmCommand,
  type NpmCommand,
  type SignalTarget,
} from '../../support/npm-command.js';
import { createTestNamespace } from '../../support/temporal.js';

/*
 * Exactly the commands of the README, with real npm and its shell: a signal at any of their processes ends all of them, in
 * order and within the documented time.
 */

let database: TestDatabase;
let environment: Record<string, string>;
let port: number;
let started: NpmCommand | undefined;

beforeAll(async () => {
  await buildWorkflowBundle();
  database = await createTestDatabase();
  const temporal = await createTestNamespace();
  port = await freePort();
  const sandboxPort = await freeSandboxPort();
  environment = {
    PORT: String(port),
    SANDBOX_PORT: String(sandboxPort),
    DATABASE_URL: database.url,
    TEMPORAL_ADDRESS: temporal.address,
    TEMPORAL_NAMESPACE: temporal.namespace,
    RUTTER_API_URL: `http://localhost:${sandboxPort}/versioned`,
    RUTTER_CLIENT_ID: 'client',
    RUTTER_CLIENT_SECRET: 'secret',
    CORE_API_TOKEN: 'core-token-of-the-signal-test',
    OPS_API_TOKEN: 'ops-token-of-the-signal-test',
    ENCRYPTION_KEYS: createKeyEntry('test'),
  };
});
afterEach(() => started?.end());
afterAll(() => database.drop());

const roles = [
  { role: 'api', ready: '"listening"', secondsMax: 30, last: '"api stopped"' },
  { role: 'worker', ready: '"worker running"', secondsMax: 80, last: '"worker stopped"' },
  { role: 'sandbox', ready: '"sandbox":"ready"', secondsMax: 5, last: '' },
] as const;
const targets: SignalTarget[] = ['npm', 'role', 'group'];

describe.each(roles)('npm run $role', ({ role, ready, secondsMax, last }) => {
  it.each(
    targets.flatMap((target) => (['SIGTERM', 'SIGINT'] as const).map((signal) => [signal, target] as const)),
  )('ends with 0 on %s to %s, and leaves no process', async (signal, target) => {
    started = startNpmCommand({ args: ['run', role], env: environment });
    const ended = await signalCommand(started, { ready, target, signal });
    expect(ended).toEqual({ code: 0, seconds: expect.any(Number) as number, left: [] });
    expect(ended.seconds).toBeLessThan(secondsMax);
    expect(started.output()).toContain(last);
    expect(await isPortOpen(port)).toBe(false);
  });
});

describe('npm start', () => {
  it.each([
    ['SIGTERM', 'npm'],
    ['SIGINT', 'group'],
    ['SIGTERM', 'role'],
  ] as const)('ends with 0 on %s to %s, with every part that it started', async (signal, target) => {
    const folder = await mkdtemp(join(tmpdir(), 'bankfeeds-signals-'));
    const ports = { POSTGRES_PORT: '0', TEMPORAL_PORT: '0', TEMPORAL_UI_PORT: '0' };
    const env = { PORT: String(port), SANDBOX_PORT: environment['SANDBOX_PORT'] ?? '0', ...ports };
    const cli = inject('temporalCliPath');
    started = startNpmCommand({
      args: ['start'],
      env: { ...env, LOCAL_DIR: join(folder, 'local'), TEMPORAL_CLI_PATH: cli },
    });
    const ended = await signalCommand(started, { ready: '\nready\n', target, signal });
    expect(ended).toEqual({ code: 0, seconds: expect.any(Number) as number, left: [] });
    expect(started.output()).toContain('\nstopped\n');
    expect(await isPortOpen(port)).toBe(false);
    await rm(folder, { recursive: true });
  });
});
