import { generateKeyPairSync, randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { VirtualClock } from '../stand-in/clock.js';
import { answerControl } from '../stand-in/control.js';
import { turnKnobs } from '../stand-in/control-machine.js';
import { Journal } from '../stand-in/journal.js';
import { listen, type Listening } from '../stand-in/listen.js';
import { handleApi } from './api.js';
import { defaultKnobs, INTERIM } from './assumptions.js';
import { handlePage } from './bank-pages.js';
import { controlActions } from './control.js';
import { sageFaultBoard } from './faults.js';
import type { Finding } from './records.js';
import { SageRequestLog } from './request-log.js';
import { iso, type Sandbox, type SageBankingOptions } from './sandbox.js';
import { seedBanks, seedBankCustomers } from './seed-banks.js';
import { SageBankingState, type ChangeSet } from './state.js';

export type { SageBankingOptions } from './sandbox.js';

const keyBits = 2_048;
const urlKeyBytes = 32;

/** Paths of the APIs; everything else is a page. */
const apiPath = /^\/(?:api\/v1|auth-v1|\.well-known)\//i;
/** The page to which the bank redirects the browser; its path is one of the API. */
const pagePath = /^\/api\/v1\/indirectredirect\//i;

/**
 * Starts a strict stand-in for Sage's Banking Service for consumers, with the Authentication Service, the token service
 * and a generic bank behind one origin. In memory, unless `dataFile` is given; then acknowledged changes survive kill -9.
 * @throws the listen error (EADDRINUSE …), or an Error naming a damaged line of the journal.
 */
export async function startSageBankingSandbox(options: SageBankingOptions): Promise<Listening> {
  const { sandbox, journal } = await build(options);
  let listening: Listening;
  try {
    listening = await listen(options, (message, response) => route(sandbox, message, response));
  } catch (error) {
    sandbox.clock.close();
    journal?.close();
    throw error;
  }
  sandbox.origin = listening.url;
  return {
    ...listening,
    close: async () => {
      sandbox.clock.close();
      await listening.close();
      journal?.close();
    },
  };
}

async function build(
  options: SageBankingOptions,
): Promise<{ sandbox: Sandbox; journal: Journal<ChangeSet> | undefined }> {
  const state = new SageBankingState();
  const apply = (changes: ChangeSet): void => state.apply(changes);
  const journal =
    options.dataFile === undefined ? undefined : await Journal.open<ChangeSet>(options.dataFile, apply);
  const clock = new VirtualClock();
  clock.setOffset(state.clockOffsetMs);
  const commit = (...changes: ChangeSet): void => {
    journal?.append(changes);
    state.apply(changes);
  };
  const finding = (rule: string, detail: string): Finding => ({ rule, detail, at: iso(clock.nowMs()) });
  const sandbox: Sandbox = {
    options,
    clock,
    knobs: turnKnobs(defaultKnobs, { ...defaultKnobs }, { ...options.knobs }),
    state,
    faults: sageFaultBoard(),
    requests: new SageRequestLog(),
    origin: '',
    commit,
    violation: (rule, detail) => commit({ put: 'violation', finding: finding(rule, detail) }),
    note: (rule, detail) => commit({ put: 'note', finding: finding(rule, detail) }),
  };
  if (state.get('secrets', 'secrets') === undefined) commit(...firstChanges());
  return { sandbox, journal };
}

/** The initial content of every sandbox: keys, banks with their customers, the interim licence. */
function firstChanges(): ChangeSet {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: keyBits });
  return [
    {
      put: 'secrets',
      record: {
        id: 'secrets',
        jwtPrivateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
        jwtPublicKey: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
        urlKey: randomBytes(urlKeyBytes).toString('hex'),
      },
    },
    { put: 'licence', record: { id: INTERIM.serial, isValid: true } },
    ...seedBanks.map((record) => ({ put: 'bank' as const, record })),
    ...seedBankCustomers.map((record) => ({ put: 'bankCustomer' as const, record })),
  ];
}

async function route(sandbox: Sandbox, message: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(message.url ?? '/', sandbox.origin);
  if (url.pathname.startsWith('/_sandbox/')) {
    return answerControl(controlActions, sandbox, message, response, url);
  }
  if (apiPath.test(url.pathname) && !pagePath.test(url.pathname)) {
    return handleApi(sandbox, message, response, url);
  }
  return handlePage(sandbox, message, response, url);
}
