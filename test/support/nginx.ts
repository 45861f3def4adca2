import { execFile, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from '../../scripts/local/free-port.js';
import { installedProgram } from './installed-program.js';
import { until } from './until.js';

export interface Nginx {
  readonly port: number;
  /** Of its certificate, which it signed itself. */
  readonly ca: string;
  accessLog(): Promise<string>;
  stop(): Promise<void>;
}

/**
 * Starts the real nginx with a `server` block, as docs have it. The block gets a free port and a certificate of its own; the
 * API is expected on `apiPort`.
 */
export async function startNginx(input: {
  port: number;
  apiPort: number;
  server: string;
  logFormat: string;
}): Promise<Nginx> {
  const program = await installedProgram('nginx');
  const folder = await mkdtemp(join(tmpdir(), 'nginx-'));
  const at = (name: string) => join(folder, name);
  await promisify(execFile)(await installedProgram('openssl'), [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
    ...['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'],
    ...['-keyout', at('feeds.key'), '-out', at('feeds.crt')],
  ]);
  const server = input.server
    .replace('listen 443 ssl', `listen 127.0.0.1:${String(input.port)} ssl`)
    .replace('http://127.0.0.1:8080', `http://127.0.0.1:${String(input.apiPort)}`)
    .replaceAll('/etc/nginx/feeds', at('feeds'));
  const folders = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  for (const name of folders) await mkdir(at(name));
  const file = at('nginx.conf');
  await writeFile(
    file,
    [
      'daemon off;',
      'worker_processes 1;',
      `pid ${at('nginx.pid')};`,
      'error_log stderr warn;',
      'events { worker_connections 256; }',
      'http {',
      input.logFormat.replace('/var/log/nginx/feeds.log', at('access.log')),
      ...folders.map((name) => `${name}_temp_path ${at(name)};`),
      server,
      '}',
    ].join('\n'),
  );
  const child = spawn(program, ['-p', folder, '-c', file, '-e', 'stderr'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let printed = '';
  child.stderr.on('data', (chunk: Buffer) => (printed += chunk.toString()));
  const exited = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const ca = await readFile(at('feeds.crt'), 'utf8');
  const answers = fetchThrough({ ca });
  await until(
    () => {
      if (child.exitCode !== null) throw new Error(`nginx ended: ${printed}`);
      return answers(`https://localhost:${String(input.port)}/healthz`).then(
        () => true,
        () => false,
      );
    },
    { timeoutMs: 20_000, describe: 'nginx answers' },
  );
  return {
    port: input.port,
    ca,
    accessLog: () => readFile(at('access.log'), 'utf8'),
    stop: async () => {
      child.kill('SIGQUIT');
      await exited;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export { freePort };

/** `fetch` as far as tests need it, with a certificate of our own and the address of another client on this machine. */
export function fetchThrough(input: { ca: string; localAddress?: string }): typeof fetch {
  return async (target, init = {}) => {
    const url = new URL(target instanceof Request ? target.url : target);
    const headers = Object.fromEntries(new Headers(init.headers));
    const body = init.body === undefined || init.body === null ? undefined : new Response(init.body);
    const type = body?.headers.get('content-type');
    if (type != null) headers['content-type'] ??= type;
    return await new Promise<Response>((resolve, reject) => {
      const outgoing = request(
        {
          host: '127.0.0.1',
          servername: 'localhost',
          port: url.port,
          path: `${url.pathname}${url.search}`,
          method: init.method ?? 'GET',
          headers: { host: url.host, ...headers },
          ca: input.ca,
          localAddress: input.localAddress,
          agent: false,
        },
        (incoming) => {
          const chunks: Buffer[] = [];
          incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
          incoming.once('error', reject);
          incoming.once('end', () => {
            const status = incoming.statusCode ?? 0;
            const answered = new Headers();
            for (let index = 0; index < incoming.rawHeaders.length; index += 2) {
              answered.append(incoming.rawHeaders[index] ?? '', incoming.rawHeaders[index + 1] ?? '');
            }
            const bodiless = status === 204 || status === 304;
            resolve(new Response(bodiless ? null : Buffer.concat(chunks), { status, headers: answered }));
          });
        },
      );
      outgoing.once('error', reject);
      void writeBody(outgoing, body).catch(reject);
    });
  };
}

async function writeBody(outgoing: ReturnType<typeof request>, body: Response | undefined): Promise<void> {
  if (body?.body != null) for await (const chunk of body.body) outgoing.write(chunk);
  outgoing.end();
}
