import { SageUnauthorized } from './errors.js';
import { pathOf } from './path.js';
import type { Requester, SageRequest } from './request.js';
import type { TokenAccess, TokenKeeper } from './tokens.js';

/** A call on a company, with its token. `path` is below the company, `address` is a whole one that was checked. */
export type CompanyRequest<T> = Omit<SageRequest<T>, 'url' | 'headers' | 'body'> & {
  /** Of a company, but for an address that is the organisation's. */
  readonly access: TokenAccess;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  /** Sent as JSON. */
  readonly json?: unknown;
} & ({ readonly segments: readonly string[] } | { readonly address: URL });

export type CompanyRequester = <T>(request: CompanyRequest<T>) => Promise<T>;

/**
 * The one exception to "no retries": a 401 means that nothing was done, and a token can expire early, so the call is
 * made once more with a fresh token (contract 2.2). An error whose operation is `getAccessToken` says that the
 * call itself was never made, or was answered 401.
 */
export function createCompanyRequester(options: {
  request: Requester;
  tokens: TokenKeeper;
  bankingUrl: URL;
  applicationId: string;
}): CompanyRequester {
  const { request, tokens } = options;
  return async (call) => {
    const { access, signal } = call;
    const url = addressOf(options.bankingUrl, call);
    const send = (jwt: string) =>
      request({
        ...call,
        url,
        headers: {
          accept: 'application/json',
          authorization: `Bearer ${jwt}`,
          'x-application': options.applicationId,
          ...(call.json === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(call.json === undefined ? {} : { body: JSON.stringify(call.json) }),
        secrets: [jwt, access.signingKey, ...(call.secrets ?? [])],
      });
    const jwt = await tokens.tokenFor({ access, signal });
    try {
      return await send(jwt);
    } catch (error) {
      if (!(error instanceof SageUnauthorized) || error.httpStatus !== 401) throw error;
      return send(await tokens.renewed({ access, signal, refused: jwt }));
    }
  };
}

function addressOf<T>(bankingUrl: URL, call: CompanyRequest<T>): URL {
  if ('address' in call) return call.address;
  const { organisationId } = call.access;
  const companyId = 'companyId' in call.access ? call.access.companyId : '';
  const ids = ['organisations', organisationId, 'companies', companyId, ...call.segments];
  const url = new URL(`/api/v1${pathOf(call.operation, ids)}`, bankingUrl);
  for (const [name, value] of Object.entries(call.query ?? {})) {
    if (value !== undefined) url.searchParams.set(name, String(value));
  }
  return url;
}
