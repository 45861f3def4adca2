import { afterEach, describe, expect, it } from 'vitest';
import { createKeyEntry } from '../../src/crypto/keyring.js';
import { freePort } from '../../scripts/local/free-port.js';
import { openClosedPipe, openFullOutput, openUnreadPipe, type Output } from '../support/outputs.js';
import { startRole, until, type RoleProcess } from '../support/processes.js';

const opsToken = 'ops-token-of-the-process-test';

let role: RoleProcess | undefined;
let output: Output | undefined;
afterEach(async () => {
  await role?.kill('SIGKILL');
  output?.close();
});

/** Both of its output streams go to `output`; PostgreSQL and Temporal are not needed. */
async function startServer(to: Output): Promise<string> {
  output = to;
  const port = await freePort();
  role = startRole({
    entry: 'src/api/server.ts',
    outputTo: to.fd,
    env: {
      PORT: String(port),
      DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none',
      TEMPORAL_ADDRESS: '127.0.0.1:1',
      CORE_API_TOKEN: 'core-token-of-the-process-test',
      OPS_API_TOKEN: opsToken,
      RUTTER_CLIENT_SECRET: 'rs_test',
      ENCRYPTION_KEYS: createKeyEntry('test'),
    },
  });
  const url = `http://127.0.0.1:${port}`;
  await until(async () => (await fetch(`${url}/healthz`)).ok, { describe: 'the API answers' });
  return url;
}

/** Each call writes one line. */
async function call(url: string, times: number): Promise<void> {
  for (let count = 0; count < times; count += 1) expect((await fetch(`${url}/v1/feeds`)).status).toBe(401);
}

async function droppedLines(url: string): Promise<number> {
  const metrics = await (await fetch(`${url}/metrics`)).text();
  return Number(/^bankfeeds_log_lines_dropped_total (\d+)$/m.exec(metrics)?.[1]);
}

async function degraded(url: string, token?: string): Promise<unknown> {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const body = (await (await fetch(`${url}/readyz`, { headers })).json()) as { degraded: unknown };
  return body.degraded;
}

describe('the API whose log lines cannot be written', () => {
  it.each([
    { what: 'on a full disk', open: openFullOutput, code: 'ENOSPC' },
    { what: 'to a pipe whose reader has ended', open: openClosedPipe, code: 'EPIPE' },
  ])('$what answers, counts the lines, names it on /readyz, and ends on SIGTERM', async ({ open, code }) => {
    const url = await startServer(open());
    const before = await droppedLines(url);
    await call(url, 10);
    // The process may write lines of its own meanwhile, such as that a part is unavailable.
    expect(await droppedLines(url)).toBeGreaterThanOrEqual(before + 10);
    expect(await degraded(url)).toEqual([{ part: 'log', code }]);
    expect(await degraded(url, opsToken)).toEqual([
      { part: 'log', code, cause: expect.stringMatching(`\\(${code}\\): \\d+ were dropped$`) as string },
    ]);
    expect(await role?.kill('SIGTERM')).toEqual({ code: 0, signal: null });
  });

  it('to a pipe that nobody reads answers, and reports the dropped lines once somebody reads', async () => {
    const pipe = openUnreadPipe();
    const url = await startServer(pipe);
    await until(
      async () => {
        await call(url, 100);
        return (await droppedLines(url)) > 0;
      },
      { describe: 'the pipe and the memory for waiting lines are full' },
    );
    expect(await degraded(url)).toHaveLength(1);
    let text = '';
    const report = await until(
      () => {
        text += pipe.read();
        return /^.*"msg":"\d+ lines dropped".*$/m.exec(text)?.[0];
      },
      { describe: 'the report of dropped lines' },
    );
    expect(JSON.parse(report)).toMatchObject({
      role: 'api',
      failure: 'EAGAIN',
      dropped: await droppedLines(url),
    });
    // Every line is whole.
    for (const line of text.trim().split('\n')) JSON.parse(line);
    expect(await degraded(url)).toEqual([]);
    expect(await role?.kill('SIGTERM')).toEqual({ code: 0, signal: null });
    expect(pipe.read()).toContain('api stopped');
  });
});
