import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

/** Headers arrive within this time or the connection is closed. */
const headersTimeoutMs = 15_000;
/** The longest request: a stream of postings of any length. Shorter bodies have their own limits. */
const requestTimeoutMs = 2 * 60 * 60_000;
/** Longer than a load balancer keeps its side, so that it never sends into a closing connection. */
const keepAliveTimeoutMs = 75_000;
const connectionsMax = 2_000;
/** Running requests may take this long once the process is asked to stop. */
const drainMaxMs = 25_000;
const idleCheckMs = 100;

export interface Listening {
  readonly port: number;
  /** Stops accepting connections, gives requests some time to finish, then closes the remaining connections. */
  close(): Promise<void>;
}

/** @throws the system's error when the port cannot be opened (`EADDRINUSE`, `EACCES`) */
export async function listen(input: { app: RequestListener; port: number }): Promise<Listening> {
  const server = createServer(
    {
      headersTimeout: headersTimeoutMs,
      requestTimeout: requestTimeoutMs,
      keepAliveTimeout: keepAliveTimeoutMs,
    },
    input.app,
  );
  server.maxConnections = connectionsMax;
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(input.port, resolve);
  });
  const { port } = server.address() as AddressInfo;
  return { port, close: () => drain(server, sockets) };
}

async function drain(server: Server, sockets: ReadonlySet<Socket>): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  // A connection that was opened in advance and has sent nothing is not idle for Node, and would delay the end.
  for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy();
  // A connection becomes idle when its last answer is out.
  const idle = setInterval(() => server.closeIdleConnections(), idleCheckMs);
  const late = setTimeout(() => server.closeAllConnections(), drainMaxMs);
  await closed;
  clearInterval(idle);
  clearTimeout(late);
}
