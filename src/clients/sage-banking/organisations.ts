import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { SageBankingClient, SageOrganisationInput } from './client.js';
import { SageNotConfigured } from './errors.js';
import type { Requester } from './request.js';
import { signatureOf } from './signature.js';
import type { TokenKeeper } from './tokens.js';

/** Longest data URL that is accepted as a captcha. */
const captchaImageCharactersMax = 1024 * 1024;

/** `token` is no bearer token but the organisation's signing key (contract 2.3 a). */
const organisationSchema = z
  .object({
    organisationId: z.string().min(1),
    companies: z.array(z.string().min(1)).min(1),
    token: z.string().min(1),
  })
  .transform(({ organisationId, companies, token }) => ({
    organisationId,
    companyId: companies[0] ?? '',
    signingKey: token,
  }));

/** Shape assumed (contract 3.2). Only data URLs of images: the text goes into a page. */
const captchaSchema = z.object({
  captchaId: z.string().min(1),
  image: z
    .string()
    .max(captchaImageCharactersMax)
    .regex(/^data:image\/[a-z0-9.+-]+;base64,[A-Za-z0-9+/]+=*$/),
});

/** Nothing in the answer is used. */
const anythingSchema = z.unknown().transform(() => undefined);

export type OrganisationCalls = Pick<
  SageBankingClient,
  'createOrganisation' | 'requestToken' | 'getCaptcha' | 'proveAccess'
>;

export function createOrganisationCalls(options: {
  request: Requester;
  tokens: TokenKeeper;
  bankingUrl: URL;
  tokenServiceUrl: URL;
  applicationId: string;
  signingKey: string | undefined;
  provider: string | undefined;
}): OrganisationCalls {
  const { request, tokens, bankingUrl, applicationId } = options;
  const headers = { accept: 'application/json', 'x-application': applicationId };
  const sentHeaders = { ...headers, 'content-type': 'application/json' };

  return {
    createOrganisation({ organisation, signal }) {
      const operation = 'createOrganisation' as const;
      const url = new URL('/api/v1/organisations', bankingUrl);
      const body = organisationBody(organisation);
      const shared = { operation, method: 'POST', url, body, schema: organisationSchema, signal } as const;
      if (organisation.desktop !== undefined) {
        return request({ ...shared, headers: sentHeaders, secrets: desktopSecrets(organisation) });
      }
      const { signingKey } = options;
      if (signingKey === undefined) return notConfigured({ operation, variable: 'SAGE_SIGNING_KEY' });
      const nonce = randomUUID();
      const signature = signatureOf({ method: 'POST', url, body, nonce }, signingKey);
      return request({
        ...shared,
        headers: { ...sentHeaders, 'x-nonce': nonce, 'x-signature': signature },
      });
    },

    async requestToken({ licenceDetails, signal }) {
      const operation = 'requestToken' as const;
      const { provider } = options;
      if (provider === undefined) return notConfigured({ operation, variable: 'SAGE_PROVIDER' });
      await request({
        operation,
        signal,
        mayBeEmpty: true,
        schema: anythingSchema,
        method: 'POST',
        url: new URL('/api/v1/requestToken', options.tokenServiceUrl),
        headers: { ...sentHeaders, 'x-provider': provider },
        body: JSON.stringify({ licenceDetails }),
        secrets: licenceDetails.map(({ value }) => value),
      });
    },

    getCaptcha({ signal }) {
      const url = new URL('/api/v1/captcha', bankingUrl);
      return request({
        operation: 'getCaptcha',
        method: 'GET',
        url,
        headers,
        schema: captchaSchema,
        signal,
      });
    },

    async proveAccess({ access, signal }) {
      await tokens.renewed({ access, signal });
    },
  };
}

/** Documented for cloud customers (contract 2.3 a); licence and captcha of desktop ones as assumed (contract 3.2). */
function organisationBody({ desktop, ...organisation }: SageOrganisationInput): string {
  return JSON.stringify({ ...organisation, ...desktop });
}

function desktopSecrets({ desktop }: SageOrganisationInput): (string | undefined)[] {
  return [...(desktop?.licenceDetails ?? []).map(({ value }) => value), desktop?.captchaText];
}

function notConfigured(input: ConstructorParameters<typeof SageNotConfigured>[0]): Promise<never> {
  return Promise.reject(new SageNotConfigured(input));
}
