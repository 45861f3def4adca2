import {
  ControlError,
  countParameter,
  textOf,
  type ControlAction,
  type ControlRequest,
} from '../stand-in/control.js';
import { machineActions } from '../stand-in/control-machine.js';
import { environmentOf } from './access.js';
import { defaultKnobs, organisationLimit, type Environment } from './assumptions.js';
import { bankActions } from './control-bank.js';
import type { FaultSpec } from './faults.js';
import type { Sandbox } from './sandbox.js';

type Action = ControlAction<Sandbox>;

export const controlActions: readonly Action[] = [
  ...machineActions<Sandbox>({
    knobDefaults: defaultKnobs,
    keepOffset: (sandbox, offsetMs) => sandbox.commit({ put: 'clock', offsetMs }),
    addFault: (sandbox, order) => sandbox.faults.add(order as FaultSpec),
  }),
  ...bankActions,
  { method: 'GET', path: '/environment', run: showEnvironment },
  { method: 'POST', path: '/environment', run: setEnvironment },
  { method: 'GET', path: '/captchas/:id', run: showCaptcha },
  { method: 'POST', path: '/licences', run: setLicence },
  { method: 'GET', path: '/organisations', run: listOrganisations },
  { method: 'GET', path: '/organisations/:id/key', run: showKey },
  {
    method: 'GET',
    path: '/notifications',
    run: (sandbox) => ({ notifications: sandbox.state.all('notification') }),
  },
  { method: 'GET', path: '/requests', run: listRequests },
  { method: 'GET', path: '/counters', run: (sandbox) => sandbox.requests.counters },
  { method: 'GET', path: '/violations', run: listFindings },
  { method: 'DELETE', path: '/violations', run: clearFindings },
];

function showEnvironment(sandbox: Sandbox): unknown {
  const environment = environmentOf(sandbox);
  const limit = organisationLimit[environment];
  return { environment, organisation_limit: Number.isFinite(limit) ? limit : null };
}

function setEnvironment(sandbox: Sandbox, { body }: ControlRequest): unknown {
  const environment = textOf(body['environment'], 'environment');
  if (!(environment in organisationLimit)) {
    throw new ControlError(400, `environment must be one of ${Object.keys(organisationLimit).join(', ')}`);
  }
  sandbox.commit({ put: 'settings', record: { id: 'settings', environment: environment as Environment } });
  return showEnvironment(sandbox);
}

/** What a person reads in the captcha. */
function showCaptcha(sandbox: Sandbox, { params }: ControlRequest): unknown {
  const captcha = sandbox.state.get('captcha', params['id'] ?? '');
  if (captcha === undefined) throw new ControlError(404, 'no such captcha');
  return { text: captcha.text, spent: captcha.spentAtMs !== null };
}

/** Makes a serial one of a customer, or of one that is no longer. */
function setLicence(sandbox: Sandbox, { body }: ControlRequest): unknown {
  const record = { id: textOf(body['serial'], 'serial'), isValid: body['valid'] !== false };
  sandbox.commit({ put: 'licence', record });
  return { serial: record.id, valid: record.isValid };
}

/** Without signing keys. */
function listOrganisations(sandbox: Sandbox): unknown {
  const companies = sandbox.state.all('company');
  return {
    organisations: sandbox.state.all('organisation').map(({ signingKey: _signingKey, ...organisation }) => ({
      ...organisation,
      companies: companies.filter(({ organisationId }) => organisationId === organisation.id),
    })),
  };
}

/** What Sage's support would answer after a lost response. */
function showKey(sandbox: Sandbox, { params }: ControlRequest): unknown {
  const organisation = sandbox.state.get('organisation', params['id'] ?? '');
  if (organisation === undefined) throw new ControlError(404, 'no such organisation');
  return { signing_key: organisation.signingKey };
}

function listRequests(sandbox: Sandbox, { query }: ControlRequest): unknown {
  const requests = sandbox.requests.list();
  const limit = countParameter(query, 'limit', requests.length);
  return {
    counters: sandbox.requests.counters,
    requests: requests.slice(Math.max(requests.length - limit, 0)),
  };
}

/** `violations` break the contract; `notes` do not, and are reported for tests. */
function listFindings(sandbox: Sandbox): unknown {
  return { violations: sandbox.state.violations, notes: sandbox.state.notes };
}

function clearFindings(sandbox: Sandbox): unknown {
  sandbox.commit({ drop: 'findings' });
  return { violations: [] };
}
