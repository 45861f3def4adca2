import type { IncomingMessage, ServerResponse } from 'node:http';
import { BodyTooLarge, readBytes } from '../stand-in/body.js';
import { escapeHtml, layout } from '../stand-in/page-layout.js';
import { ApiError } from './http.js';
import { grantLink, grantReauthorisation, openLink, refuseLink } from './links.js';
import type { BankCustomerRecord, LinkRecord } from './records.js';
import type { Sandbox } from './sandbox.js';
import { applyDueChanges } from './apply-due-changes.js';
import { isSealed } from './signed-address.js';

/** Forms here have a handful of fields. */
const formBytesMax = 10_000;
const pdf = Buffer.from('%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n');

interface Page {
  status?: number;
  title?: string;
  body?: string;
  location?: string;
  /** Instead of a page. */
  bytes?: { type: string; data: Buffer };
}

/** The pages of the generic indirect bank, and where it sends the browser back to. No script in them. */
export async function handlePage(
  sandbox: Sandbox,
  message: IncomingMessage,
  response: ServerResponse,
  url: URL,
): Promise<void> {
  const page = await pageOf(sandbox, message, url);
  const html =
    page.title === undefined ? '' : layout({ title: page.title, body: page.body ?? '', brand: 'bank' });
  response.writeHead(page.status ?? 200, {
    'Content-Type': page.bytes?.type ?? 'text/html; charset=utf-8',
    'Cache-Control': 'no-store',
    'Referrer-Policy': 'no-referrer',
    ...(page.location === undefined ? {} : { Location: page.location }),
  });
  response.end(page.bytes?.data ?? html);
}

async function pageOf(sandbox: Sandbox, message: IncomingMessage, url: URL): Promise<Page> {
  try {
    applyDueChanges(sandbox);
    const form = message.method === 'POST' ? await readForm(message) : new URLSearchParams();
    switch (`${message.method ?? ''} ${url.pathname}`) {
      case 'GET /bank/auth':
      case 'GET /bank/authrefresh':
        noteFollowedRedirect(sandbox, message, url);
        return loginPage(linkOf(sandbox, url.searchParams), url.searchParams.get('state') ?? '');
      case 'POST /bank/sign-in':
        return signIn(sandbox, form);
      case 'POST /bank/share':
        return share(sandbox, form);
      case 'POST /bank/cancel':
        refuseLink(sandbox, linkOf(sandbox, form));
        return backToProduct(sandbox, form);
      default:
        return otherPage(sandbox, message, url);
    }
  } catch (error) {
    if (error instanceof BodyTooLarge) return failure(413, error.message);
    if (error instanceof ApiError) return failure(error.status, error.message);
    return failure(500, error instanceof Error ? error.message : String(error));
  }
}

function otherPage(sandbox: Sandbox, message: IncomingMessage, url: URL): Page {
  const isGet = message.method === 'GET';
  if (isGet && /^\/api\/v1\/indirectredirect\/[^/]+$/i.test(url.pathname)) {
    return { title: 'You can close this window', body: '<p>Your product continues automatically.</p>' };
  }
  if (isGet && url.pathname.startsWith('/bank/forms/')) return form(sandbox, url);
  if (isGet && url.pathname === '/bank/authorise-feed') {
    return { title: 'Authorise your bank feed', body: '<p>The bank will process your request.</p>' };
  }
  if (isGet && url.pathname === '/bank/logo.svg') {
    const svg =
      '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><path d="M0 8h8V4L4 0 0 4z"/></svg>';
    return { bytes: { type: 'image/svg+xml', data: Buffer.from(svg) } };
  }
  const text = "This is a stand-in for Sage's Banking Service. Its controls are under /_sandbox.";
  return { status: 404, title: 'Nothing here', body: `<p>${text}</p>` };
}

/** A browser accepts HTML. A client that follows the 302 loses its body (contract 5.1). */
function noteFollowedRedirect(sandbox: Sandbox, message: IncomingMessage, url: URL): void {
  if (message.headers.accept?.includes('text/html') !== true) {
    sandbox.violation('redirect_followed', `GET ${url.pathname} by something that is no browser`);
  }
}

/** @throws ApiError when the state is not of this authorisation, or it is over */
function linkOf(sandbox: Sandbox, form: URLSearchParams): LinkRecord {
  const id = form.get('authorisation_id') ?? '';
  if (!isSealed(sandbox, `/bank/state/${id}`, form.get('state'))) {
    throw new ApiError(400, 'invalidRequest', 'This address is not complete.');
  }
  return openLink(sandbox, id);
}

function loginPage(link: LinkRecord, state: string, problem = ''): Page {
  const alert = problem === '' ? '' : `<p role="alert">${escapeHtml(problem)}</p>`;
  const body = `${alert}
<form method="post" action="/bank/sign-in">${hidden(link, state)}
<p><label>Username<br><input type="text" name="username" autocomplete="username" required></label></p>
<p><label>Password<br><input type="password" name="password" autocomplete="current-password" required></label></p>
<button>Sign in</button>
</form>${cancelForm(link, state)}`;
  return { status: problem === '' ? 200 : 401, title: 'Sign in to your bank', body };
}

function signIn(sandbox: Sandbox, form: URLSearchParams): Page {
  const link = linkOf(sandbox, form);
  const state = form.get('state') ?? '';
  const customer = sandbox.state
    .all('bankCustomer')
    .find(
      (other) =>
        other.bankId === link.bankId &&
        other.username === form.get('username') &&
        other.password === form.get('password'),
    );
  if (customer === undefined) return loginPage(link, state, 'Username or password is wrong.');
  sandbox.commit({ put: 'link', record: { ...link, bankCustomerId: customer.id } });
  return link.kind === 'link' ? choicePage(link, state, customer) : consentPage(link, state);
}

function choicePage(link: LinkRecord, state: string, customer: BankCustomerRecord): Page {
  const choices = customer.accounts.map((account, index) => {
    const name = escapeHtml(`${account.name} ${account.accountIdentifier}`);
    const checked = index === 0 ? ' checked' : '';
    const value = escapeHtml(account.externalId);
    return `<label><input type="radio" name="account" value="${value}"${checked}> ${name}</label>`;
  });
  const body = `<form method="post" action="/bank/share">${hidden(link, state)}
<fieldset><legend>Account to connect</legend>${choices.join('\n')}</fieldset>
<button>Share account</button>
</form>${cancelForm(link, state)}`;
  return { title: 'Choose an account', body };
}

function consentPage(link: LinkRecord, state: string): Page {
  const body = `<form method="post" action="/bank/share">${hidden(link, state)}
<p>Sage wants to go on reading this account.</p>
<button>Renew access</button>
</form>${cancelForm(link, state)}`;
  return { title: 'Renew access', body };
}

function share(sandbox: Sandbox, form: URLSearchParams): Page {
  const link = linkOf(sandbox, form);
  const customer = sandbox.state.get('bankCustomer', link.bankCustomerId ?? '');
  if (customer === undefined) return loginPage(link, form.get('state') ?? '', 'Please sign in first.');
  if (link.kind === 'link') grantLink(sandbox, link, customer, form.get('account') ?? '');
  else grantReauthorisation(sandbox, link);
  return backToProduct(sandbox, form);
}

function backToProduct(sandbox: Sandbox, form: URLSearchParams): Page {
  const id = encodeURIComponent(form.get('authorisation_id') ?? '');
  const state = encodeURIComponent(form.get('state') ?? '');
  return { status: 303, location: `${sandbox.origin}/api/v1/indirectredirect/${id}?state=${state}` };
}

function cancelForm(link: LinkRecord, state: string): string {
  return `<form method="post" action="/bank/cancel">${hidden(link, state)}<p><button>Cancel</button></p></form>`;
}

function hidden(link: LinkRecord, state: string): string {
  return `<input type="hidden" name="authorisation_id" value="${escapeHtml(link.id)}"><input type="hidden" name="state" value="${escapeHtml(state)}">`;
}

/** The form of a direct bank (contract 6.3). */
function form(sandbox: Sandbox, url: URL): Page {
  const expires = url.searchParams.get('expires') ?? '';
  const isOurs = isSealed(sandbox, `${url.pathname}?expires=${expires}`, url.searchParams.get('signature'));
  if (!isOurs || Number(expires) <= sandbox.clock.nowMs()) {
    return failure(410, 'This address is no longer good. Ask for the account again.');
  }
  return { bytes: { type: 'application/pdf', data: pdf } };
}

function failure(status: number, sentence: string): Page {
  return { status, title: 'That did not work', body: `<p role="alert">${escapeHtml(sentence)}</p>` };
}

async function readForm(message: IncomingMessage): Promise<URLSearchParams> {
  return new URLSearchParams((await readBytes(message, formBytesMax)).toString('utf8'));
}
