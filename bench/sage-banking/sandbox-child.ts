import { startSageBankingSandbox } from '../../sandbox/sage-banking/server.js';
import { answerParent } from '../forked-child.js';

/** The sandbox of Sage's Banking Service as a separate process, in memory. */
export interface SageSandboxRequest {
  readonly application: { readonly id: string; readonly signingKey: string };
}

export interface SageSandboxAddress {
  readonly url: string;
}

answerParent(async (request): Promise<SageSandboxAddress> => {
  const { application } = request as SageSandboxRequest;
  const sandbox = await startSageBankingSandbox({ applications: [application], knobs: {} });
  return { url: sandbox.url };
});
