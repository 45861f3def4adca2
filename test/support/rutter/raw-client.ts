import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createRutterClient } from '../../../src/clients/rutter/client.js';
import type { RutterClient } from '../../../src/clients/rutter/client.js';
import { isRutterError } from '../../../src/clients/rutter/errors.js';
import type { RutterError } from '../../../src/clients/rutter/errors.js';

export type RawAnswer = (response: ServerResponse, request: IncomingMessage) => void;

/** Invented, as in the examples of the contract. */
export const accessToken = '0d1b5a5e-7e8e-4b3c-9a57-3f1c2a9d4e60';
export const clientSecret = 'rs_test_7c1d94e2b0a84f4f';
export const idempotencyKey = '1e0f3a52-6f27-4f0e-9d6a-0a7f5c3b2d18';
export const jobId = '3f8f2b44-5a0d-4a0c-b1a7-1f7f0c9d7e10';
export const json = { 'content-type': 'application/json' };

/** A server that answers as no contract allows, and a client of it; the sandbox covers what the contract knows. */
export interface RawRutter {
  client: RutterClient;
  /** The same with long time limits: long answers take a while on a busy machine. */
  patientClient: RutterClient;
  /** Set before a call; applied to each request until set again. */
  answer: RawAnswer;
  requests: { url: string; headers: IncomingMessage['headers'] }[];
  /** What the limiter was asked for, in ms. */
  pauses: number[];
  /** A client of another address, with the same short time limits. */
  clientOf(baseUrl: string): RutterClient;
  close(): Promise<void>;
}

const clientTimeoutMs = 1_500;
const patientTimeoutMs = 20_000;

export async function startRawRutter(): Promise<RawRutter> {
  const requests: RawRutter['requests'] = [];
  const pauses: number[] = [];
  const server = createServer((request, response) => {
    requests.push({ url: request.url ?? '', headers: request.headers });
    request.resume();
    raw.answer(response, request);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const clientOf = (baseUrl: string, timeoutMs = clientTimeoutMs): RutterClient =>
    createRutterClient({
      baseUrl,
      clientId: 'rc_test_51a0',
      clientSecret,
      version: '2024-08-31',
      limiter: {
        acquire: () => Promise.resolve(),
        slowDown: ({ forMs }) => {
          pauses.push(forMs);
          return Promise.resolve();
        },
      },
      timeouts: { postTransactionsMs: timeoutMs, otherMs: timeoutMs },
    });
  const baseUrl = `http://127.0.0.1:${String(port)}/versioned/`;
  const raw: RawRutter = {
    client: clientOf(baseUrl),
    patientClient: clientOf(baseUrl, patientTimeoutMs),
    answer: (response) => response.writeHead(500).end(),
    requests,
    pauses,
    clientOf,
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
  return raw;
}

/** The error of a call that must fail with one of the client's own. */
export async function rutterErrorOf(work: Promise<unknown>): Promise<RutterError> {
  try {
    await work;
  } catch (error) {
    if (isRutterError(error)) return error;
    throw error;
  }
  throw new Error('the call did not fail');
}
