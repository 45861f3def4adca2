import { ProviderError } from '../../../clients/http/provider-error.js';
import { failed, ok, textOf, type Finding } from './check.js';

/** What a provider's check says of an error of its client. `variables`: those that hold the credentials. */
export function providerFinding(
  error: unknown,
  input: { provider: string; address: string; addressVariable: string; variables: string },
): Finding {
  const { provider, address, addressVariable, variables } = input;
  if (!(error instanceof ProviderError)) throw error;
  switch (error.meaning) {
    case 'credentials_rejected':
    case 'connection_refused':
      return rejectedCredentials({ provider, variables });
    case 'rate_limited':
      return ok(
        `${address} answers; it is limiting our requests now, so nothing is known of the credentials`,
      );
    case 'unavailable':
      return failed(
        `${address}: ${textOf(error)}`,
        `Check ${addressVariable}, and from this machine name resolution, firewall, proxy and certificates; then ${provider}'s status page.`,
      );
    case 'refused':
    case 'unexpected_answer':
      return failed(
        `${address} answered what ${provider} would not: ${textOf(error)}`,
        `Check ${addressVariable}: another system, or a proxy, answers there.`,
      );
  }
}

export function rejectedCredentials(input: { provider: string; variables: string }): Finding {
  return failed(
    `${input.provider} rejects our credentials`,
    `Check ${input.variables}, and that they belong to this environment (sandbox or production); restart the workers after a change.`,
  );
}
