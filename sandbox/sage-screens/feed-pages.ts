import { escapeHtml, layout } from '../stand-in/page-layout.js';
import { control, type AccountBook, type ShownAccount, type ShownConnection } from './rutter-control.js';
import {
  ScreenError,
  seeOther,
  type Reply,
  type Screen,
  type ScreenRequest,
  type Screens,
} from './screen.js';

const REFRESH_SECONDS = 2;
/** Rows of the register per account, newest bookings first. */
const shownTransactionsMax = 50;
/** History that Sage proposes: a person changes it freely. */
const proposedHistoryMs = 90 * 24 * 3_600_000;

export const feedPages: readonly Screen[] = [
  { method: 'GET', path: /^\/landing$/, reply: landingPage },
  { method: 'POST', path: /^\/start-feed$/, reply: startFeeds },
  { method: 'POST', path: /^\/disconnect$/, reply: disconnect },
  { method: 'GET', path: /^\/register$/, reply: registerPage },
];

/** Where Rutter sends the browser after the login: the accounts on offer, and where history starts. */
async function landingPage(screens: Screens, { url }: ScreenRequest): Promise<Reply> {
  const connection = await readConnection(screens, url.searchParams.get('connection_id'));
  const offered = connection.accounts.map(accountFields).join('\n');
  const none = '<p>The bank offers no account on this connection.</p>';
  const body = `
<p>Linked to <strong>${escapeHtml(connection.sage_company ?? 'no company yet')}</strong>.
Tick the accounts whose transactions Sage should receive, and say from when on.</p>
${connection.accounts.length === 0 ? none : ''}
<form method="post" action="/start-feed">
<input type="hidden" name="connection_id" value="${escapeHtml(connection.id)}">
${offered}
<p><button type="submit">Start feed</button></p>
</form>
<p id="opener">Opener: not known without JavaScript.</p>
<p><a href="/register?connection_id=${escapeHtml(connection.id)}">Sage register</a></p>
<script>
  const hasOpener = window.opener !== null;
  document.getElementById('opener').textContent = hasOpener
    ? 'Opener: this window was opened by another one and can still reach it.'
    : 'Opener: none.';
  if (hasOpener) window.opener.postMessage({ type: 'sage-linked' }, location.origin);
</script>`;
  return { html: layout({ title: 'Choose your accounts', body, brand: 'sage' }) };
}

function accountFields(account: ShownAccount): string {
  const id = escapeHtml(account.id);
  const name = escapeHtml(account.name ?? 'Account without a name');
  const digits = account.bank_account_number?.slice(-4) ?? '';
  const isRunning = account.feed_status === 'active';
  const started = account.transaction_start_date ?? new Date(Date.now() - proposedHistoryMs).toISOString();
  const state = isRunning ? `Feed runs since ${escapeHtml(started)}.` : 'No feed yet.';
  const stop = `<button type="submit" formaction="/disconnect" name="disconnect" value="${id}">Disconnect ${name}</button>`;
  return `
<fieldset>
<legend>${name}</legend>
<p>${state} ${escapeHtml(account.currency_code ?? '')}</p>
<label><input type="checkbox" name="account" value="${id}"> ${name} ${escapeHtml(digits)}</label>
<label for="start-${id}">Start date of ${name} (UTC)</label>
<input type="datetime-local" id="start-${id}" name="start-${id}" step="any" value="${toLocalField(started)}">
${isRunning ? `<p>${stop}</p>` : ''}
</fieldset>`;
}

/** The field has no zone: it is read and written as UTC. */
function toLocalField(isoDate: string): string {
  const time = new Date(isoDate);
  return Number.isNaN(time.getTime()) ? '' : time.toISOString().slice(0, -1);
}

async function startFeeds(screens: Screens, { form }: ScreenRequest): Promise<Reply> {
  const connection = await readConnection(screens, form.get('connection_id'));
  const chosen = form.getAll('account');
  if (chosen.length === 0) throw new ScreenError(400, 'Tick at least one account, then start the feed.');
  for (const id of chosen) {
    const startDate = new Date(`${form.get(`start-${id}`) ?? ''}Z`);
    if (Number.isNaN(startDate.getTime()))
      throw new ScreenError(400, 'Give each ticked account a start date.');
    const wish = { transaction_start_date: startDate.toISOString(), require_link: true };
    await control(screens, 'POST', `/accounts/${encodeURIComponent(id)}/select`, wish);
  }
  return seeOther(`/register?connection_id=${connection.id}`);
}

async function disconnect(screens: Screens, { form }: ScreenRequest): Promise<Reply> {
  const connection = await readConnection(screens, form.get('connection_id'));
  const id = encodeURIComponent(form.get('disconnect') ?? '');
  await control(screens, 'POST', `/accounts/${id}/disconnect`, {});
  return seeOther(`/landing?connection_id=${connection.id}`);
}

/** The received transactions; the page reloads by itself, without a script. */
async function registerPage(screens: Screens, { url }: ScreenRequest): Promise<Reply> {
  const connectionId = url.searchParams.get('connection_id');
  const connections =
    connectionId === null
      ? (await control<{ connections: ShownConnection[] }>(screens, 'GET', '/connections')).connections
      : [await readConnection(screens, connectionId)];
  const running = connections.flatMap((connection) => connection.accounts);
  const sections = await Promise.all(running.map((account) => registerSection(screens, account)));
  const body = sections.length === 0 ? '<p>No account is linked yet.</p>' : sections.join('\n');
  return { html: layout({ title: 'Sage register', body, brand: 'sage', refreshSeconds: REFRESH_SECONDS }) };
}

async function registerSection(screens: Screens, account: ShownAccount): Promise<string> {
  const id = encodeURIComponent(account.id);
  const head = await control<{ accounts: AccountBook[] }>(screens, 'GET', `/book?account_id=${id}&summary`);
  const count = head.accounts[0]?.count ?? 0;
  const offset = Math.max(count - shownTransactionsMax, 0);
  const path = `/book?account_id=${id}&offset=${offset}&limit=${shownTransactionsMax}`;
  const book = await control<{ accounts: AccountBook[] }>(screens, 'GET', path);
  const rows = (book.accounts[0]?.transactions ?? []).toReversed().map(
    (item) => `<tr><td>${escapeHtml(item.posted_at)}</td><td>${escapeHtml(item.transaction_id)}</td>
<td>${escapeHtml(item.description)}</td><td>${escapeHtml(item.payee ?? '')}</td>
<td class="amount">${item.amount}</td></tr>`,
  );
  const name = escapeHtml(account.name ?? account.id);
  return `
<section aria-label="${name}">
<h2>${name}</h2>
<p>Feed ${escapeHtml(account.feed_status)}, from ${escapeHtml(account.transaction_start_date ?? 'no date')}:
<strong data-account="${escapeHtml(account.id)}" class="count">${count}</strong> transactions have arrived.</p>
<table>
<caption>The last ${shownTransactionsMax} to arrive, newest first</caption>
<thead><tr><th scope="col">Posted</th><th scope="col">Id</th><th scope="col">Description</th>
<th scope="col">Payee</th><th scope="col" class="amount">Amount</th></tr></thead>
<tbody>
${rows.join('\n')}
</tbody>
</table>
</section>`;
}

async function readConnection(screens: Screens, id: string | null): Promise<ShownConnection> {
  if (id === null || id === '') throw new ScreenError(400, 'The address lacks the connection_id.');
  return control<ShownConnection>(screens, 'GET', `/connections/${encodeURIComponent(id)}`);
}
