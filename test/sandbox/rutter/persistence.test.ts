import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startRutterSandbox } from '../../../sandbox/rutter/server.js';
import { freeSandboxPort } from '../../../scripts/local/start-settings.js';
import {
  ACCOUNTS,
  CLIENT_ID,
  CLIENT_SECRET,
  OTP,
  TRANSACTIONS,
  batch,
  bookedIds,
  makeReadyFeed,
  sessionAt,
  startSession,
  transaction,
} from './session.js';

let folder: string;
let child: ChildProcess | undefined;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rutter-sandbox-'));
});
afterEach(async () => {
  await kill();
  await rm(folder, { recursive: true });
});

async function kill(): Promise<void> {
  if (child?.exitCode === null && child.signalCode === null) {
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
}

async function startProcess(port: number) {
  child = spawn(process.execPath, ['--import', 'tsx', 'sandbox/main.ts'], {
    env: {
      ...process.env,
      SANDBOX_PORT: String(port),
      SANDBOX_DATA: folder,
      RUTTER_CLIENT_ID: CLIENT_ID,
      RUTTER_CLIENT_SECRET: CLIENT_SECRET,
      WEBHOOK_URL: 'http://127.0.0.1:9/none',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (child.stdout === null) throw new Error('no output to read');
  for await (const line of createInterface(child.stdout)) {
    const ready = JSON.parse(line) as { sandbox: string; rutter: string };
    expect(ready.sandbox).toBe('ready');
    return sessionAt(ready.rutter);
  }
  throw new Error('the sandbox ended before it was ready');
}

describe('a sandbox with a data folder', () => {
  it('loses nothing it acknowledged when it is killed, and ends the jobs it had accepted', async () => {
    const port = await freeSandboxPort();
    const before = await startProcess(port);
    const feed = await makeReadyFeed(before);
    const send = (session: typeof before, number: number, key: string, more = {}) => {
      const body = batch(feed.accountId, [transaction(number)], more);
      return session.call('POST', TRANSACTIONS, { token: feed.token, body, key });
    };
    const first = await send(before, 1, 'first');
    const { challenge, redirect_uri: redirectUri } = (await before.control('POST', '/challenges', {})).body;
    const otp = (await before.call('POST', OTP, { token: feed.token, body: {} })).body.bank_feed_otp.otp;
    await before.control('POST', '/knobs', { jobRunMs: 3_600_000 });
    const second = await send(before, 2, 'second', { response_mode: 'async' });
    expect(second.body.async_response.status).toBe('prequeued');
    await kill();

    const after = await startProcess(port);
    expect((await send(after, 1, 'first')).body).toEqual(first.body);
    expect((await send(after, 2, 'second', { response_mode: 'async' })).headers.get('x-rutter-job-id')).toBe(
      second.headers.get('x-rutter-job-id'),
    );
    expect((await send(after, 3, 'third')).body.error_code).toBe('BANK_FEED_BATCH_IN_PROGRESS');
    expect(challenge).toEqual(expect.any(String) as unknown);
    expect((await fetch(`${redirectUri}&otp=${otp}`, { redirect: 'manual' })).status).toBe(302);
    await after.control('POST', '/clock', { advance_ms: 3_600_000 });
    await expect.poll(() => bookedIds(after, feed.accountId)).toEqual(['tx-1', 'tx-2']);
    expect(await after.violations()).toEqual(['two_batches_in_flight']);
  });

  it('removes an incomplete last line, which was never acknowledged, and continues', async () => {
    const dataFile = join(folder, 'rutter.jsonl');
    const session = await startSession({}, { dataFile });
    const feed = await makeReadyFeed(session);
    await session.close();
    await appendFile(dataFile, '{"type":"account_changed","accountId":"');
    const again = await startSession({}, { dataFile });
    expect((await again.call('GET', `${ACCOUNTS}/${feed.accountId}`, { token: feed.token })).status).toBe(
      200,
    );
    const body = batch(feed.accountId, [transaction(1)]);
    expect((await again.call('POST', TRANSACTIONS, { token: feed.token, body })).status).toBe(200);
    await again.close();
    const lines = (await readFile(dataFile, 'utf8')).trimEnd().split('\n');
    expect(lines.every((line) => JSON.parse(line) !== null)).toBe(true);
  });

  it('refuses to start on a damaged file, naming the line', async () => {
    const dataFile = join(folder, 'rutter.jsonl');
    await appendFile(dataFile, '{"type":"clock_moved","offsetMs":0}\nnot json\n');
    const start = startRutterSandbox({ clientId: CLIENT_ID, clientSecret: CLIENT_SECRET, dataFile });
    await expect(start).rejects.toThrow('damaged at line 2');
  });
});

describe('the sandbox as a process', () => {
  it('names the port and the remedy in one sentence when the port is in use', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    child = spawn(process.execPath, ['--import', 'tsx', 'sandbox/main.ts'], {
      env: { ...process.env, SANDBOX_PORT: String(port) },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let text = '';
    child.stderr?.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')));
    const [code] = (await once(child, 'exit')) as [number];
    taken.close();
    expect(code).toBe(1);
    expect(text).toBe(
      `Port ${port} is in use: stop what listens there, or set SANDBOX_PORT to another port.\n`,
    );
  });
});
