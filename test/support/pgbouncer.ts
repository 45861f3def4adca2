import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { freePort } from '../../scripts/local/free-port.js';
import { giveTo, postgresAccount } from '../../scripts/local/postgres-account.js';
import { installedProgram } from './installed-program.js';
import { until } from './until.js';

export interface Pgbouncer {
  /** The database behind it, as a role reads it from DATABASE_URL. */
  url: string;
  /** A command of its console, such as `SHOW SERVERS` or `RECONNECT`. */
  console(command: string): Promise<Record<string, unknown>[]>;
  stop(): Promise<void>;
}

const startsWithinMs = 20_000;

/** Starts the real PgBouncer before one database. `settings` are added to its section `[pgbouncer]`. */
export async function startPgbouncer(input: {
  databaseUrl: string;
  poolMode: 'session' | 'transaction' | 'statement';
  settings?: Record<string, string>;
}): Promise<Pgbouncer> {
  const program = await installedProgram('pgbouncer');
  const folder = await mkdtemp(join(tmpdir(), 'pgbouncer-'));
  const port = await freePort();
  const target = new URL(input.databaseUrl);
  const name = target.pathname.slice(1);
  const settings = {
    listen_addr: '127.0.0.1',
    listen_port: String(port),
    unix_socket_dir: '',
    auth_type: 'any',
    admin_users: 'console',
    pool_mode: input.poolMode,
    default_pool_size: '20',
    max_client_conn: '200',
    ...input.settings,
  };
  const file = join(folder, 'pgbouncer.ini');
  const user = decodeURIComponent(target.username);
  const password = decodeURIComponent(target.password);
  await writeFile(
    file,
    [
      '[databases]',
      `${name} = host=${target.hostname} port=${target.port} dbname=${name} user=${user} password=${password}`,
      '[pgbouncer]',
      ...Object.entries(settings).map(([key, value]) => `${key} = ${value}`),
      '',
    ].join('\n'),
    { mode: 0o600 },
  );
  // It does not run as root.
  const account = await postgresAccount({ program, folder: tmpdir() });
  await giveTo(account, folder);
  const [command = program, ...args] = account.prefix.concat(program, file);
  const { uid, gid } = account;
  const child = spawn(command, args, {
    cwd: '/',
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(uid === undefined || gid === undefined ? {} : { uid, gid }),
  });
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => (printed += chunk.toString()));
  }
  const exited = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const urlOf = (database: string, as: string) => `postgres://${as}:x@127.0.0.1:${String(port)}/${database}`;
  const askConsole = async (text: string) => {
    const client = new pg.Client({ connectionString: urlOf('pgbouncer', 'console') });
    client.on('error', () => undefined);
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(text)).rows;
    } finally {
      await client.end();
    }
  };
  await until(
    () =>
      askConsole('SHOW VERSION').then(
        () => true,
        () => false,
      ),
    { timeoutMs: startsWithinMs, describe: 'PgBouncer answers' },
  );
  return {
    url: urlOf(name, user),
    console: askConsole,
    stop: async () => {
      child.kill('SIGQUIT');
      await exited;
      await rm(folder, { recursive: true, force: true });
    },
  };
}
