import {
  ControlError,
  booleanOf,
  findAccount,
  findConnection,
  textOf,
  type ControlAction,
  type ControlRequest,
} from './control-action.js';
import { isIsoDate } from '../stand-in/iso-date.js';
import type { AccountChange, AccountRecord } from './records.js';
import { renderAccount } from './render.js';
import type { Sandbox } from './sandbox.js';

export const accountActions: readonly ControlAction[] = [
  { method: 'GET', path: '/accounts', run: listAccounts },
  { method: 'GET', path: '/accounts/:id', run: showAccount },
  { method: 'POST', path: '/accounts/:id/select', run: selectAccount },
  { method: 'POST', path: '/accounts/:id/disconnect', run: disconnectAccount },
  { method: 'POST', path: '/accounts/:id', run: setAccount },
  { method: 'POST', path: '/sage-pull', run: pull },
];

function listAccounts(sandbox: Sandbox): unknown {
  const nowMs = sandbox.clock.nowMs();
  const accounts = [...sandbox.state.accounts.keys()].map((id) => sandbox.state.account(id, nowMs));
  return {
    accounts: accounts.filter((account) => account !== undefined).map((account) => view(sandbox, account)),
  };
}

function showAccount(sandbox: Sandbox, { params }: ControlRequest): unknown {
  return view(sandbox, findAccount(sandbox, params['id'] ?? ''));
}

/** The customer ticks the account in Sage and picks where history starts. */
function selectAccount(sandbox: Sandbox, { params, body }: ControlRequest): unknown {
  const account = findAccount(sandbox, params['id'] ?? '');
  const startDate = textOf(body['transaction_start_date'], 'transaction_start_date');
  if (!isIsoDate(startDate))
    throw new ControlError(400, 'transaction_start_date must be ISO 8601 with an offset');
  const connection = findConnection(sandbox, account.connectionId);
  if (booleanOf(body['require_link'], 'require_link', false) && connection.sageCompany === null) {
    throw new ControlError(409, 'no Sage company is linked to this connection: finish the login first');
  }
  return change(sandbox, account, {
    feedStatus: 'active',
    transactionReady: true,
    transactionStartDate: startDate,
  });
}

/** Id and start date stay (our assumption). */
function disconnectAccount(sandbox: Sandbox, { params }: ControlRequest): unknown {
  return change(sandbox, findAccount(sandbox, params['id'] ?? ''), {
    feedStatus: 'inactive',
    transactionReady: false,
  });
}

/** What Sage shows of an account. */
const shownFields = ['name', 'bank_account_number', 'currency_code'] as const;

/** Any mixture, also ones that Sage should not show, such as ready but inactive. */
function setAccount(sandbox: Sandbox, { params, body }: ControlRequest): unknown {
  const account = findAccount(sandbox, params['id'] ?? '');
  const wanted: Omit<AccountChange, 'visibleAtMs'> = {};
  if (body['feed_status'] !== undefined) {
    const status = body['feed_status'];
    if (status !== 'active' && status !== 'inactive') {
      throw new ControlError(400, 'feed_status must be active or inactive');
    }
    wanted.feedStatus = status;
  }
  if (body['transaction_ready'] !== undefined) {
    wanted.transactionReady = booleanOf(body['transaction_ready'], 'transaction_ready');
  }
  if (body['transaction_start_date'] !== undefined) {
    const date = body['transaction_start_date'];
    wanted.transactionStartDate = date === null ? null : textOf(date, 'transaction_start_date');
  }
  const shown = shownFields.filter((name) => body[name] !== undefined);
  if (shown.length > 0) {
    wanted.fields = Object.fromEntries(
      shown.map((name) => [name, body[name] === null ? null : textOf(body[name], name)]),
    );
  }
  return change(sandbox, account, wanted);
}

function change(
  sandbox: Sandbox,
  account: AccountRecord,
  wanted: Omit<AccountChange, 'visibleAtMs'>,
): unknown {
  const visibleAtMs = sandbox.clock.nowMs() + sandbox.knobs.selectDelayMs;
  sandbox.commit({ type: 'account_changed', accountId: account.id, change: { ...wanted, visibleAtMs } });
  sandbox.webhooks.accountUpdated(account);
  return view(sandbox, findAccount(sandbox, account.id));
}

function view(sandbox: Sandbox, account: AccountRecord): Record<string, unknown> {
  return {
    ...renderAccount(account, sandbox.knobs),
    connection_id: account.connectionId,
    pending: account.pending,
    transaction_count: sandbox.state.book.countOf(account.id),
  };
}

/** Sage fetches from Rutter: everything booked becomes `platform_ingested`. */
function pull(sandbox: Sandbox): unknown {
  const atMs = sandbox.clock.nowMs();
  const before = [...sandbox.state.accounts.keys()].flatMap((id) => [...sandbox.state.book.entriesOf(id)]);
  const count = before.filter((entry) => !entry.ingested).length;
  sandbox.commit({ type: 'sage_pulled', atMs });
  return { ingested: count };
}
