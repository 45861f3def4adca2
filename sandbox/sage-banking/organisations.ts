import { randomBytes } from 'node:crypto';
import { checkSignature, environmentOf, headerOf, requireApplication } from './access.js';
import { organisationLimit, STATUS } from './assumptions.js';
import { Fields } from './fields.js';
import { ApiError, isObject, newId, notFound, unauthorised, type Answer, type ApiRequest } from './http.js';
import type { OrganisationRecord } from './records.js';
import { consumer, type Route } from './route.js';
import type { Sandbox } from './sandbox.js';
import { licenceOf, registrationKey, spendCaptcha } from './token-service.js';

export const organisationRoutes: readonly Route[] = [
  {
    method: 'POST',
    path: `${consumer}/organisations`,
    access: 'none',
    counter: 'organisation_posts',
    answer: createOrganisation,
  },
  {
    method: 'POST',
    path: '/auth-v1/organisations',
    access: 'none',
    counter: 'organisation_posts',
    answer: createBareOrganisation,
  },
  {
    method: 'POST',
    path: '/auth-v1/organisations/:organisationId/companies',
    access: 'organisation',
    counter: 'company_posts',
    answer: createCompany,
  },
];

/** Organisation and company in one call: signed by a cloud product, or vouched for by the token service (2.3, 3.2). */
function createOrganisation(sandbox: Sandbox, request: ApiRequest): Answer {
  const application = requireApplication(sandbox, request);
  const isSigned = headerOf(request, 'x-signature') !== '';
  if (!isSigned && application.desktop !== true) {
    throw unauthorised('a cloud product must sign this call', 'missing_signature');
  }
  if (isSigned) {
    if (application.signingKey === undefined) {
      throw unauthorised('this product has no signing key', 'bad_signature');
    }
    checkSignature(sandbox, request, application.signingKey);
  }
  const body = readBody(request);
  const licence = isSigned ? null : admit(sandbox, application.id, body);
  const organisation: OrganisationRecord = {
    ...newOrganisation(sandbox, application.id),
    kind: isSigned ? 'cloud' : 'desktop',
    licence,
    fields: body,
  };
  const company = {
    id: newId(),
    organisationId: organisation.id,
    fields: body['company'] as Record<string, unknown>,
  };
  sandbox.commit({ put: 'organisation', record: organisation }, { put: 'company', record: company });
  return {
    status: STATUS.cloudOrganisation,
    // `token` is no bearer token: it is the organisation's signing key.
    body: { organisationId: organisation.id, companies: [company.id], token: organisation.signingKey },
  };
}

/** Only company.name is required; unknown fields are ignored (assumed, contract 2.3). */
function readBody(request: ApiRequest): Record<string, unknown> {
  const fields = new Fields(request.json);
  fields.optionalText('crmId');
  const company = new Fields(fields.value('company') ?? {}, 'company.');
  company.text('name');
  for (const name of ['postalCode', 'standardIndustrialCode', 'vatNumber', 'languageCode']) {
    company.optionalText(name);
  }
  fields.faults.push(...company.faults);
  if (fields.value('user') !== undefined) {
    const user = new Fields(fields.value('user'), 'user.');
    user.optionalText('emailAddress');
    user.optionalText('identity');
    fields.faults.push(...user.faults);
  }
  fields.check();
  return request.json as Record<string, unknown>;
}

/**
 * The documented refusals of a desktop customer, in the assumed order (contract 3.2). Returns the licence.
 * @throws ApiError 404 never registered, 400 captcha, 400 no customer, 409 limit
 */
function admit(sandbox: Sandbox, applicationId: string, body: Record<string, unknown>): string {
  const { licence, serial } = licenceOf(body['licenceDetails']);
  const registration = sandbox.state.get('registration', registrationKey(applicationId, licence));
  if (registration === undefined || registration.expiresAtMs <= sandbox.clock.nowMs()) {
    throw notFound('a request at the token service');
  }
  spendCaptcha(sandbox, body['captchaId'], body['captchaText']);
  if (sandbox.state.get('licence', serial)?.isValid !== true) {
    throw new ApiError(400, 'invalidCustomer', 'the licence is not of a valid customer');
  }
  const taken = sandbox.state
    .all('organisation')
    .filter((other) => other.applicationId === applicationId && other.licence === licence).length;
  const limit = organisationLimit[environmentOf(sandbox)];
  if (taken >= limit) {
    const text = `the customer has reached the organisationLimit of ${limit}`;
    throw new ApiError(409, 'organisationLimitExceeded', text);
  }
  return licence;
}

function newOrganisation(
  sandbox: Sandbox,
  applicationId: string,
): Omit<OrganisationRecord, 'kind' | 'fields'> {
  return {
    id: newId(),
    signingKey: randomBytes(32).toString('hex'),
    applicationId,
    licence: null,
    createdAtMs: sandbox.clock.nowMs(),
  };
}

/** The Authentication Service creates the organisation first (contract 2.3). */
function createBareOrganisation(sandbox: Sandbox, request: ApiRequest): Answer {
  const application = requireApplication(sandbox, request);
  if (application.signingKey === undefined) {
    throw unauthorised('this product has no signing key', 'bad_signature');
  }
  checkSignature(sandbox, request, application.signingKey);
  const fields = new Fields(request.json);
  fields.text('name');
  for (const name of ['sageCRMId', 'primaryCountry', 'adminEmail', 'defaultLanguage', 'externalId']) {
    fields.optionalText(name);
  }
  fields.check();
  const record: OrganisationRecord = {
    ...newOrganisation(sandbox, application.id),
    kind: 'authentication_service',
    fields: request.json as Record<string, unknown>,
  };
  sandbox.commit({ put: 'organisation', record });
  return { status: 200, body: { organisationId: record.id, PrimarySigningKey: record.signingKey } };
}

/** Then its company, with a token of the organisation. */
function createCompany(sandbox: Sandbox, request: ApiRequest): Answer {
  const fields = new Fields(request.json);
  fields.text('name');
  for (const name of ['postalCode', 'standardIndustrialCode', 'vatNumber', 'languageCode']) {
    fields.optionalText(name);
  }
  fields.check();
  const organisationId = request.params['organisationId'] ?? '';
  const company = { id: newId(), organisationId, fields: isObject(request.json) ? request.json : {} };
  sandbox.commit({ put: 'company', record: company });
  return { status: STATUS.company, body: { companyId: company.id } };
}
