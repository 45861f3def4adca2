import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { SageBankingClient, SageBankingOptions } from '../../../src/clients/sage-banking/client.js';
import { createSageBankingClient } from '../../../src/clients/sage-banking/create-client.js';
import { isSageError, type SageError } from '../../../src/clients/sage-banking/errors.js';

export type RawAnswer = (response: ServerResponse, request: IncomingMessage) => void;

/** Invented. */
export const applicationId = 'Sage.UK.Ledger';
export const applicationKey = 'sk_raw_application_5d0c';
export const access = {
  organisationId: '6f6f0d0e-95c1-4b8e-9a53-0c1d5e7f2a10',
  companyId: '0a9b8c7d-1111-4222-8333-944455556666',
  signingKey: 'sk_raw_organisation_91be',
};
export const json = { 'content-type': 'application/json' };
const tokenPath = '/auth-v1/accessToken';
const timeoutMs = 5_000;

/** A server whose answers may break the contract, and a client of it; the sandbox covers answers within the contract. */
export interface RawSage {
  readonly url: string;
  readonly client: SageBankingClient;
  /** Set before a call; applied to each request but those for tokens until set again. */
  answer: RawAnswer;
  /** The answer to requests for tokens. */
  token: RawAnswer;
  /** All requests but those for tokens. */
  readonly requests: { method: string; url: string; headers: IncomingMessage['headers']; body: string }[];
  readonly tokenRequests: { headers: IncomingMessage['headers'] }[];
  /** Another client, with another clock or address. */
  clientOf(options?: Partial<SageBankingOptions>): SageBankingClient;
  /** Discards the recorded calls and the planned answers. */
  reset(): void;
  close(): Promise<void>;
}

export async function startRawSage(): Promise<RawSage> {
  const server = createServer((request, response) => {
    if (request.url === tokenPath) {
      request.resume();
      raw.tokenRequests.push({ headers: request.headers });
      raw.token(response, request);
      return;
    }
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      raw.requests.push({ method, url, headers, body });
      raw.answer(response, request);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  const clientOf = (options: Partial<SageBankingOptions> = {}): SageBankingClient =>
    createSageBankingClient({
      bankingUrl: url,
      authUrl: url,
      tokenServiceUrl: url,
      linkOrigins: [url],
      applicationId,
      signingKey: applicationKey,
      provider: 'ledger.raw',
      timeoutMs,
      ...options,
    });
  const raw: RawSage = {
    url,
    clientOf,
    requests: [],
    tokenRequests: [],
    client: clientOf(),
    answer: (response) => response.writeHead(500).end(),
    token: answerToken(),
    reset: () => {
      raw.requests.length = 0;
      raw.tokenRequests.length = 0;
      raw.token = answerToken();
    },
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
  return raw;
}

/** A token with these claims; each call returns a different one. */
export function makeJwt(claims: object = { iat: 0, exp: 1_200 }): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'RS256' })}.${part({ ...claims, jti: randomUUID() })}.c2lnbmF0dXJl`;
}
export function answerToken(claims?: object): RawAnswer {
  return (response) => response.writeHead(200, json).end(JSON.stringify({ jwt: makeJwt(claims) }));
}

export function answerJson(status: number, body: unknown): RawAnswer {
  return (response) => response.writeHead(status, json).end(JSON.stringify(body));
}

/** The error of a call that must fail with one of the client's own. */
export async function sageErrorOf(work: Promise<unknown>): Promise<SageError> {
  try {
    await work;
  } catch (error) {
    if (isSageError(error)) return error;
    throw error;
  }
  throw new Error('the call did not fail');
}
