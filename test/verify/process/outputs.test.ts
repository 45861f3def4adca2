import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { execFileSync } from 'node:child_process';
import { openSync, closeSync, writeFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { freePort } from '../../../scripts/local/free-port.js';
import { freeSandboxPort } from '../../../scripts/local/start-settings.js';
import { buildWorkflowBundle } from '../../../scripts/workflow-bundle.js';
import { createKeyEntry } from '../../../src/crypto/keyring.js';
import { createTestDatabase, type TestDatabase } from '../../support/database.js';
import { openClosedPipe, openFullOutput, openUnreadPipe, type Output } from '../../support/outputs.js';
import { startRole, until, type RoleProcess } from '../../support/processes.js';
import { createTestNamespace } from '../../support/temporal.js';

/*
 * Every role with both output streams on a full disk, on a pipe whose reader has ended and on one that nobody reads: it does
 * its work and ends on SIGTERM. The API also: test/api/server-output.test.ts.
 */

let database: TestDatabase;
let environment: Record<string, string>;
let role: RoleProcess | undefined;
let output: Output | undefined;

beforeAll(async () => {
  await buildWorkflowBundle();
  database = await createTestDatabase();
  const temporal = await createTestNamespace();
  environment = {
    DATABASE_URL: database.url,
    TEMPORAL_ADDRESS: temporal.address,
    TEMPORAL_NAMESPACE: temporal.namespace,
    RUTTER_API_URL: 'http://localhost:1/versioned',
    RUTTER_CLIENT_ID: 'client',
    RUTTER_CLIENT_SECRET: 'secret',
    CORE_API_TOKEN: 'core-token-of-the-output-test',
    OPS_API_TOKEN: 'ops-token-of-the-output-test',
    ENCRYPTION_KEYS: createKeyEntry('test'),
    LOG_LEVEL: 'trace',
  };
});
afterEach(async () => {
  await role?.kill('SIGKILL');
  output?.close();
});
afterAll(() => database.drop());

function start(entry: string, env: Record<string, string>, open: () => Output): RoleProcess {
  output = open();
  role = startRole({ entry, env, outputTo: output.fd });
  return role;
}

const answers = (url: string): Promise<boolean> => fetch(url).then(({ ok }) => ok);

describe.each([
  { what: 'a full disk', open: openFullOutput },
  { what: 'a pipe whose reader has ended', open: openClosedPipe },
  { what: 'a pipe that nobody reads', open: openUnreadPipe },
])('with its output on $what', ({ open }) => {
  it('the worker polls its task queues, and ends', async () => {
    const worker = start('worker.ts', environment, open);
    await until(
      async () => {
        // The health check asks Temporal for pollers of this host.
        const check = startRole({ entry: 'scripts/worker-health.ts', env: environment });
        return (await check.exited).code === 0;
      },
      { describe: 'the worker polls', everyMs: 1_000 },
    );
    expect(await worker.kill('SIGTERM')).toEqual({ code: 0, signal: null });
  });

  it('the sandboxes answer, and end', async () => {
    const port = await freeSandboxPort();
    const sandbox = start('sandbox/main.ts', { SANDBOX_PORT: String(port) }, open);
    await until(() => answers(`http://localhost:${port + 2}/`), { describe: 'the sandboxes answer' });
    expect(await sandbox.kill('SIGTERM')).toEqual({ code: 0, signal: null });
  });

  it('migrate migrates, and ends', async () => {
    const empty = await createTestDatabase({ empty: true });
    const migrate = start('src/db/migrate.ts', { DATABASE_URL: empty.url }, open);
    expect(await migrate.exited).toEqual({ code: 0, signal: null });
    await empty.drop();
  });

  it('npm start starts everything, and ends', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'bankfeeds-output-'));
    const port = String(await freePort());
    const sandbox = String(await freeSandboxPort());
    const ports = {
      PORT: port,
      SANDBOX_PORT: sandbox,
      POSTGRES_PORT: '0',
      TEMPORAL_PORT: '0',
      TEMPORAL_UI_PORT: '0',
    };
    const env = { ...ports, LOCAL_DIR: folder, TEMPORAL_CLI_PATH: inject('temporalCliPath') };
    const all = start('scripts/start.ts', env, open);
    await until(() => answers(`http://localhost:${port}/readyz`), { describe: 'the API is ready' });
    expect(await all.kill('SIGTERM')).toEqual({ code: 0, signal: null });
    await rm(folder, { recursive: true });
  });
});

it('on a disk that fills up and is freed again the API answers all the time, and no line is torn', async () => {
  const disk = await mkdtemp(join(tmpdir(), 'bankfeeds-disk-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', disk]);
  try {
    const log = join(disk, 'log');
    const filler = join(disk, 'filler');
    const port = String(await freePort());
    writeFileSync(filler, Buffer.alloc(48_000));
    const open = (): Output => {
      const fd = openSync(log, 'a');
      return { fd, read: () => '', close: () => closeSync(fd) };
    };
    const api = start('src/api/server.ts', { ...environment, PORT: port }, open);
    await until(() => answers(`http://localhost:${port}/healthz`), { describe: 'the API answers' });
    for (let count = 0; count < 200; count += 1) {
      expect((await fetch(`http://localhost:${port}/v1/feeds`)).status).toBe(401);
    }
    rmSync(filler);
    const text = await until(
      async () => {
        const found = await readFile(log, 'utf8');
        return found.includes('lines dropped"') ? found : undefined;
      },
      { describe: 'the report of dropped lines' },
    );
    for (const line of text.trim().split('\n')) JSON.parse(line);
    expect(await api.kill('SIGTERM')).toEqual({ code: 0, signal: null });
  } finally {
    await role?.kill('SIGKILL');
    output?.close();
    output = undefined;
    execFileSync('umount', [disk]);
    await rm(disk, { recursive: true });
  }
});
