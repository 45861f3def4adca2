import { createServer, type AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createKeyEntry } from '../../src/crypto/keyring.js';
import { signalCommand, startNpmCommand } from '../support/npm-command.js';
import { startRole, type RoleProcess } from '../support/processes.js';

const startMs = 30_000;
const roles: RoleProcess[] = [];
afterEach(async () => {
  await Promise.all(roles.splice(0).map((role) => role.kill('SIGKILL')));
});

/** Neither PostgreSQL nor Temporal is there. */
const environment = {
  PORT: '0',
  DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none',
  TEMPORAL_ADDRESS: '127.0.0.1:1',
  CORE_API_TOKEN: 'core-token-of-the-process-test',
  OPS_API_TOKEN: 'ops-token-of-the-process-test',
  RUTTER_CLIENT_SECRET: 'rs_test',
  ENCRYPTION_KEYS: createKeyEntry('test'),
};

function startServer(change: Record<string, string> = {}): RoleProcess {
  const role = startRole({ entry: 'src/api/server.ts', env: { ...environment, ...change } });
  roles.push(role);
  return role;
}

describe('the API process', () => {
  it('starts while PostgreSQL and Temporal are unavailable, reports it on /readyz, and ends with 0 on SIGTERM', async () => {
    const role = startServer();
    const line = JSON.parse(await role.waitForLine(/"msg":"listening"/, startMs)) as { port: number };
    const url = `http://127.0.0.1:${line.port}`;
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    const ready = await fetch(`${url}/readyz`);
    expect([ready.status, await ready.json()]).toMatchObject([
      503,
      {
        ready: false,
        database: false,
        temporal: false,
        causes: { database: { code: 'ECONNREFUSED' }, temporal: { code: expect.any(String) } },
        degraded: [],
      },
    ]);
    expect(await role.kill('SIGTERM')).toEqual({ code: 0, signal: null });
    expect(role.output()).toContain('api stopped');
  });

  // Every role, target and signal: test/verify/process/signals.test.ts.
  it('as "npm run api" ends in order with all its processes on a signal to npm or to the group', async () => {
    for (const [target, signal] of [
      ['npm', 'SIGTERM'],
      ['group', 'SIGINT'],
    ] as const) {
      const started = startNpmCommand({ args: ['run', 'api'], env: environment });
      const ended = await signalCommand(started, { ready: '"listening"', target, signal });
      started.end();
      expect(ended).toMatchObject({ code: 0, left: [] });
      expect(started.output()).toContain('api stopped');
    }
  });

  it('on a port in use prints the remedy in one sentence, and ends with 1', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, resolve));
    const { port } = other.address() as AddressInfo;
    const role = startServer({ PORT: String(port) });
    expect(await role.exited).toEqual({ code: 1, signal: null });
    expect(role.output().trim()).toBe(
      `Port ${port} is in use: stop what listens there, or set PORT to another.`,
    );
    other.close();
  });

  it('with a bad configuration lists every problem, shows no value, and ends with 78', async () => {
    const role = startServer({ CORE_API_TOKEN: 'short', DATABASE_URL: 'mysql://x', PORT: 'x' });
    expect(await role.exited).toEqual({ code: 78, signal: null });
    for (const name of ['CORE_API_TOKEN', 'DATABASE_URL', 'PORT']) expect(role.output()).toContain(name);
    expect(role.output()).not.toMatch(/short|mysql/);
    const keys = startServer({ ENCRYPTION_KEYS: 'nonsense' });
    expect((await keys.exited).code).toBe(78);
    expect(keys.output()).not.toContain('nonsense');
  });
});
