import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export const defaultHost = '127.0.0.1';
/** Longer than any client keeps an idle connection, so the server never closes one that a client is about to use. */
const keepAliveMs = 120_000;

export interface ListenOptions {
  /** 0 (default): a free one. */
  port?: number;
  /** Address to listen on; default 127.0.0.1. */
  host?: string;
  /** Host name in generated URLs; default the listening address. */
  publicHost?: string;
}

export interface Listening {
  /** Origin, no path. */
  url: string;
  port: number;
  /** Stops listening and closes open connections. */
  close(): Promise<void>;
}

/** Serves `handle`; if it rejects, the connection is closed. @throws the listen error (EADDRINUSE …). */
export async function listen(
  options: ListenOptions,
  handle: (message: IncomingMessage, response: ServerResponse) => Promise<void>,
): Promise<Listening> {
  const server = createServer((message, response) => {
    void handle(message, response).catch(() => response.destroy());
  });
  server.keepAliveTimeout = keepAliveMs;
  server.headersTimeout = keepAliveMs + 1_000;
  await bind(server, options);
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${options.publicHost ?? options.host ?? defaultHost}:${port}`,
    port,
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

function bind(server: Server, options: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, options.host ?? defaultHost, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
