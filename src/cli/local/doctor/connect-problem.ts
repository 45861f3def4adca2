import { connect } from 'node:net';
import { textOf } from './check.js';

/** Why no TCP connection to `host:port` comes about; null when one does. Never rejects. */
export async function connectProblem(address: string, maxMs: number): Promise<string | null> {
  const { host, port } = splitAddress(address);
  return await new Promise((resolve) => {
    const socket = connect({ host, port, timeout: maxMs });
    const end = (problem: string | null): void => {
      socket.destroy();
      resolve(problem);
    };
    socket.once('connect', () => end(null));
    socket.once('timeout', () => end(`no connection within ${String(maxMs / 1_000)} s`));
    socket.once('error', (error) => end(textOf(error)));
  });
}

function splitAddress(address: string): { host: string; port: number } {
  const [, host = address, port = ''] = /^(.*):(\d+)$/.exec(address) ?? [];
  return { host: host.replace(/^\[|\]$/g, ''), port: Number(port) || temporalPort };
}

/** Where Temporal listens unless said otherwise. */
const temporalPort = 7_233;
