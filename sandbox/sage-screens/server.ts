import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connectPages } from './connect-pages.js';
import { feedPages } from './feed-pages.js';
import { linkPages } from './link-pages.js';
import { errorPage } from './layout.js';
import { ScreenError, type Reply, type Screen, type Screens } from './screen.js';

export interface SageScreensOptions {
  /** 0 (default) takes a free one. */
  port?: number;
  /** Address to listen on; default 127.0.0.1. */
  host?: string;
  /** Name used in the returned URL; default the listening address. */
  publicHost?: string;
  /** Origin of the Rutter sandbox. */
  rutterUrl: string;
  /** The bank's login page, as registered with Rutter. */
  loginUrl: string;
}

export interface RunningScreens {
  /** Origin, no path. */
  url: string;
  port: number;
  close(): Promise<void>;
}

const DEFAULT_HOST = '127.0.0.1';
/** Forms here have a handful of fields. */
const FORM_BYTES_MAX = 100_000;
const SCREENS: readonly Screen[] = [...connectPages, ...feedPages, ...linkPages];

/**
 * Starts pages that play Sage ("connect your bank", account and start-date choice, what arrived) and Rutter's Link.
 * They know of the bank only its login page, and of Rutter only the sandbox's control endpoints.
 * @throws the listen error (EADDRINUSE …).
 */
export async function startSageScreens(options: SageScreensOptions): Promise<RunningScreens> {
  const screens: Screens = { rutterUrl: options.rutterUrl, loginUrl: options.loginUrl };
  const server = createServer((message, response) => {
    void handle(screens, message, response).catch(() => response.destroy());
  });
  await listen(server, options);
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${options.publicHost ?? options.host ?? DEFAULT_HOST}:${port}`,
    port,
    close: () => close(server),
  };
}

async function handle(screens: Screens, message: IncomingMessage, response: ServerResponse): Promise<void> {
  const reply = await replyTo(screens, message);
  // No Cross-Origin-Opener-Policy on any page: pop-ups must keep their opener.
  response.writeHead(reply.status ?? 200, {
    'Content-Type': 'text/html; charset=utf-8',
    'Cache-Control': 'no-store',
    ...(reply.location === undefined ? {} : { Location: reply.location }),
  });
  response.end(reply.html ?? '');
}

async function replyTo(screens: Screens, message: IncomingMessage): Promise<Reply> {
  try {
    const url = new URL(message.url ?? '/', `http://${message.headers.host ?? DEFAULT_HOST}`);
    const form = message.method === 'POST' ? await readForm(message) : new URLSearchParams();
    for (const screen of SCREENS) {
      const match = screen.method === message.method ? screen.path.exec(url.pathname) : null;
      if (match !== null) return await screen.reply(screens, { url, form, id: match[1] ?? '' });
    }
    throw new ScreenError(404, 'There is no such page.');
  } catch (error) {
    const status = error instanceof ScreenError ? error.status : 500;
    return { status, html: errorPage(error instanceof Error ? error.message : String(error)) };
  }
}

async function readForm(message: IncomingMessage): Promise<URLSearchParams> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of message as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > FORM_BYTES_MAX) throw new ScreenError(413, 'The form is too long.');
    chunks.push(chunk);
  }
  return new URLSearchParams(Buffer.concat(chunks).toString('utf8'));
}

function listen(server: Server, options: SageScreensOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, options.host ?? DEFAULT_HOST, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

async function close(server: Server): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeAllConnections();
  await closed;
}
