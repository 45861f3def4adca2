import { startRutterSandbox, type RunningSandbox } from '../../sandbox/rutter/server.js';
import { answerParent } from '../forked-child.js';

/** The Rutter sandbox as a separate process, in memory, without webhooks; every run is checked against it. */
export interface SandboxRequest {
  /** 0 = a free one. */
  readonly port: number;
  readonly clientId: string;
  readonly clientSecret: string;
}

export interface SandboxAddress {
  readonly url: string;
  readonly apiUrl: string;
  readonly port: number;
}

answerParent(async (request): Promise<SandboxAddress> => {
  const options = request as SandboxRequest;
  const sandbox: RunningSandbox = await startRutterSandbox({ ...options, knobs: { jobRunMs: 0 } });
  return { url: sandbox.url, apiUrl: sandbox.apiUrl, port: sandbox.port };
});
