import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { SageBankingClient, SageOrganisationInput } from './client.js';
import type { CompanyRequester } from './company-request.js';
import type { SageOrganisationOrder } from '../../domain/sage-banking/onboarding.js';
import { SageNotConfigured } from './errors.js';
import { pathOf } from './path.js';
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

/** Contract 2.3 b; the name of the id is assumed to be the same. */
const bareOrganisationSchema = z
  .object({ organisationId: z.string().min(1), PrimarySigningKey: z.string().min(1) })
  .transform(({ organisationId, PrimarySigningKey: signingKey }) => ({ organisationId, signingKey }));

/** Shape assumed (contract 2.3 b). */
const companySchema = z.object({ companyId: z.string().min(1) });

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
  | 'createOrganisation'
  | 'createBareOrganisation'
  | 'createCompany'
  | 'requestToken'
  | 'getCaptcha'
  | 'proveAccess'
>;

interface OrganisationCallOptions {
  readonly request: Requester;
  readonly companyRequest: CompanyRequester;
  readonly tokens: TokenKeeper;
  readonly bankingUrl: URL;
  readonly authUrl: URL;
  readonly tokenServiceUrl: URL;
  readonly applicationId: string;
  readonly signingKey: string | undefined;
  readonly provider: string | undefined;
}

export function createOrganisationCalls(options: OrganisationCallOptions): OrganisationCalls {
  const { request, tokens, bankingUrl, applicationId } = options;
  const headers = { accept: 'application/json', 'x-application': applicationId };
  const sentHeaders = { ...headers, 'content-type': 'application/json' };

  return {
    ...createAuthenticationServiceCalls(options, sentHeaders),

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

/** Organisation and company one after the other (contract 2.3 b). */
function createAuthenticationServiceCalls(
  { request, companyRequest, authUrl, signingKey }: OrganisationCallOptions,
  sentHeaders: Readonly<Record<string, string>>,
): Pick<OrganisationCalls, 'createBareOrganisation' | 'createCompany'> {
  return {
    createBareOrganisation({ organisation, externalId, signal }) {
      const operation = 'createBareOrganisation' as const;
      if (signingKey === undefined) return notConfigured({ operation, variable: 'SAGE_SIGNING_KEY' });
      const url = new URL('/auth-v1/organisations', authUrl);
      const body = JSON.stringify(bareOrganisationOf(organisation, externalId));
      const nonce = randomUUID();
      const signature = signatureOf({ method: 'POST', url, body, nonce }, signingKey);
      return request({
        operation,
        method: 'POST',
        url,
        body,
        signal,
        schema: bareOrganisationSchema,
        headers: { ...sentHeaders, 'x-nonce': nonce, 'x-signature': signature },
      });
    },

    createCompany: async ({ access, company, signal }) => {
      const operation = 'createCompany' as const;
      const path = pathOf(operation, ['organisations', access.organisationId, 'companies']);
      return await companyRequest({
        operation,
        method: 'POST',
        // Without an id of a company: a token of the organisation is wanted.
        access: { organisationId: access.organisationId, signingKey: access.signingKey },
        address: new URL(`/auth-v1${path}`, authUrl),
        json: company,
        signal,
        schema: companySchema,
      });
    },
  };
}

/** The order in the members of the Authentication Service; absent ones are not sent. */
function bareOrganisationOf({ company, crmId, user }: SageOrganisationOrder, externalId: string) {
  return {
    name: company.name,
    externalId,
    ...(crmId === undefined ? {} : { sageCRMId: crmId }),
    ...(user?.emailAddress === undefined ? {} : { adminEmail: user.emailAddress }),
    ...(company.languageCode === undefined ? {} : { defaultLanguage: company.languageCode }),
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
