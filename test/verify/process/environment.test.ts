import {
  chmodSync,
  cpSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { execFileSync, spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { freePort } from '../../../scripts/local/free-port.js';
import { freeSandboxPort } from '../../../scripts/local/start-settings.js';
import { until } from '../../support/until.js';

/*
 * `npm start` in surroundings that a developer's machine does not have. Only root may make them: another user gets one clear
 * failure.
 */

const root = fileURLToPath(new URL('../../..', import.meta.url));
const copied = ['package.json', 'package-lock.json', 'tsconfig.json', 'worker.ts'];
const copiedFolders = ['migrations', 'sandbox', 'scripts', 'src'];
/** No system has a user of this number. */
const namelessUid = 54_321;

let folder: string;
beforeEach(() => {
  if (process.getuid?.() !== 0) throw new Error('this test makes users and namespaces: run it as root');
  // Spaces and letters outside ASCII, which URLs and shells write differently.
  folder = mkdtempSync(join(tmpdir(), 'bankfeeds ü '));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Starts, waits until it is ready, and ends it. @returns what it printed, and its exit code */
async function startAndStop(input: {
  command: string[];
  cwd: string;
  env: Record<string, string>;
  whileReady?: () => void;
}): Promise<{ text: string; code: number | null }> {
  const [command = '', ...args] = input.command;
  const child = spawn(command, [...args, '--import', './scripts/load-typescript.js', 'scripts/start.ts'], {
    cwd: input.cwd,
    env: { PATH: process.env['PATH'], ...input.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (part: Buffer) => (text += part.toString()));
  const exited = new Promise<number | null>((resolve) => child.once('close', resolve));
  const ended = exited.then(() => true);
  const gone = (): Promise<boolean> =>
    Promise.race([ended, new Promise<boolean>((done) => setTimeout(done, 0, false))]);
  await until(async () => /^ready$/m.test(text) || (await gone()), {
    describe: 'npm start is ready or has ended',
  });
  if (/^ready$/m.test(text)) input.whileReady?.();
  child.kill('SIGTERM');
  return { text, code: await exited };
}

async function ownPorts(): Promise<Record<string, string>> {
  const embedded = { POSTGRES_PORT: '0', TEMPORAL_PORT: '0', TEMPORAL_UI_PORT: '0' };
  return { PORT: String(await freePort()), SANDBOX_PORT: String(await freeSandboxPort()), ...embedded };
}

async function rootEnvironment(): Promise<Record<string, string>> {
  const local = { LOCAL_DIR: join(folder, 'local'), HOME: process.env['HOME'] ?? '/' };
  return { ...(await ownPorts()), ...local, TEMPORAL_CLI_PATH: inject('temporalCliPath') };
}

/** A program that every user may run; the found one may be in root's home. */
function publicTemporal(): string {
  const path = join(folder, 'temporal');
  copyFileSync(inject('temporalCliPath'), path);
  chmodSync(path, 0o755);
  return path;
}

describe('npm start', () => {
  it('works for a user without a name and a home, with a read-only temporary folder, LANG=C and another TZ; its files are private under umask 000', async () => {
    const clone = join(folder, 'clone');
    for (const name of copied) cpSync(join(root, name), join(clone, name), { recursive: true });
    for (const name of copiedFolders) cpSync(join(root, name), join(clone, name), { recursive: true });
    symlinkSync(join(root, 'node_modules'), join(clone, 'node_modules'));
    const closed = join(folder, 'closed');
    mkdirSync(closed, { mode: 0o555 });
    execFileSync('chown', ['-R', '-h', `${namelessUid}:${namelessUid}`, clone]);
    chmodSync(folder, 0o755);
    const user = ['setpriv', '--reuid', `${namelessUid}`, '--regid', `${namelessUid}`, '--clear-groups'];
    let found = 'not looked for';
    const ended = await startAndStop({
      command: [...user, 'sh', '-c', 'umask 000; exec node "$@"', 'sh'],
      cwd: clone,
      env: {
        ...(await ownPorts()),
        TMPDIR: closed,
        LANG: 'C',
        TZ: 'Pacific/Kiritimati',
        TEMPORAL_CLI_PATH: publicTemporal(),
      },
      whileReady: () => {
        found = execFileSync('find', [join(clone, '.local'), '-perm', '/077', '-not', '-type', 'l'], {
          encoding: 'utf8',
        });
      },
    });
    expect(ended.text).toContain('\nready\n');
    expect(found).toBe('');
    expect(ended.code).toBe(0);
  });

  it('works where localhost has an address of IPv6 only', async () => {
    const hosts = join(folder, 'hosts');
    writeFileSync(hosts, '::1 localhost\n');
    const ended = await startAndStop({
      command: [
        'unshare',
        '--mount',
        'sh',
        '-c',
        'mount --bind "$1" /etc/hosts; shift; exec node "$@"',
        'sh',
        hosts,
      ],
      cwd: root,
      env: await rootEnvironment(),
    });
    expect(ended.text).toContain('\nready\n');
    expect(ended.code).toBe(0);
  });

  it('says what to do where even 127.0.0.1 is missing', async () => {
    const prepare = 'ip link set lo up; ip address del 127.0.0.1/8 dev lo; exec node "$@"';
    const ended = await startAndStop({
      command: ['unshare', '--net', 'sh', '-c', prepare, 'sh'],
      cwd: root,
      env: await rootEnvironment(),
    });
    expect(ended.text).toContain('needs the address 127.0.0.1, which this machine does not have: add it');
    expect(ended.code).toBe(1);
  });
});
