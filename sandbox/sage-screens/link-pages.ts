import { escapeHtml, layout } from '../stand-in/page-layout.js';
import { control, type ShownConnection } from './rutter-control.js';
import {
  ScreenError,
  seeOther,
  type Reply,
  type Screen,
  type ScreenRequest,
  type Screens,
} from './screen.js';

const platforms: readonly (readonly [string, string])[] = [
  ['SAGE_INTACCT', 'Sage Intacct'],
  ['SAGE_INTACCT_V2', 'Sage Intacct (version 2)'],
  ['SAGE_BUSINESS_CLOUD', 'Sage Business Cloud'],
  ['SAGE_BANK_FEEDS', 'Sage Bank Feeds'],
];

export const linkPages: readonly Screen[] = [
  { method: 'GET', path: /^\/link$/, reply: linkPage },
  { method: 'POST', path: /^\/link$/, reply: finishLink },
  { method: 'GET', path: /^\/connection\/([^/]+)$/, reply: connectionPage },
  { method: 'POST', path: /^\/connection\/([^/]+)$/, reply: reconnect },
];

/** Rutter Link: the choice of a platform. `return_to` receives the token as a parameter, `origin` is that of the window to notify. */
function linkPage(_screens: Screens, { url }: ScreenRequest): Reply {
  const returnTo = url.searchParams.get('return_to') ?? '';
  const origin = url.searchParams.get('origin') ?? '';
  const body = `
<p>Choose the accounting product to connect.</p>
<form method="post" action="/link">
<input type="hidden" name="return_to" value="${escapeHtml(returnTo)}">
<input type="hidden" name="origin" value="${escapeHtml(origin)}">
${platformField(url.searchParams.get('platform'))}
<p><button type="submit">Connect</button></p>
</form>`;
  return { html: layout({ title: 'Connect your accounting product', body, brand: 'rutter' }) };
}

async function finishLink(screens: Screens, { form }: ScreenRequest): Promise<Reply> {
  const returnTo = form.get('return_to') ?? '';
  const back = returnTo === '' ? undefined : readWebUrl(returnTo, 'return_to');
  const origin = form.get('origin') ?? '';
  const openerOrigin = origin === '' ? '' : readWebUrl(origin, 'origin').origin;
  const wish = { platform: form.get('platform') ?? '' };
  const made = await control<{ public_token: string }>(screens, 'POST', '/public-tokens', wish);
  if (back !== undefined) {
    back.searchParams.set('public_token', made.public_token);
    return seeOther(back.href);
  }
  const token = escapeHtml(made.public_token);
  const body = `
<p>Connected. The application that opened this page receives the public token.</p>
<p><label for="token">Public token</label>
<input type="text" id="token" readonly value="${token}" data-opener-origin="${escapeHtml(openerOrigin)}"></p>
<script>
  const field = document.getElementById('token');
  const target = field.dataset.openerOrigin;
  if (window.opener && target) {
    window.opener.postMessage({ type: 'rutter-link-success', public_token: field.value }, target);
  }
</script>`;
  return { html: layout({ title: 'Connected', body, brand: 'rutter' }) };
}

/** The page behind `link_url` and `update_url`. */
async function connectionPage(screens: Screens, { id, url }: ScreenRequest): Promise<Reply> {
  const connection = await readConnection(screens, id);
  const returnTo = url.searchParams.get('return_to') ?? '';
  const body = `
<p>This connection is <strong>${escapeHtml(connection.status)}</strong>.</p>
<form method="post" action="/connection/${encodeURIComponent(id)}">
<input type="hidden" name="return_to" value="${escapeHtml(returnTo)}">
${platformField(connection.platform ?? url.searchParams.get('platform'))}
<p><button type="submit">Reconnect</button></p>
</form>`;
  return { html: layout({ title: 'Reconnect your accounting product', body, brand: 'rutter' }) };
}

/** Activates the connection with the same access_token; Rutter's webhook CONNECTION_UPDATED is sent. */
async function reconnect(screens: Screens, { id, form }: ScreenRequest): Promise<Reply> {
  const wish = { platform: form.get('platform') ?? '' };
  await control(screens, 'POST', `/connections/${encodeURIComponent(id)}/reconnect`, wish);
  const returnTo = form.get('return_to') ?? '';
  if (returnTo !== '') return seeOther(readWebUrl(returnTo, 'return_to').href);
  const body = '<p>The connection works again. You can close this page.</p>';
  return { html: layout({ title: 'Reconnected', body, brand: 'rutter' }) };
}

function platformField(selected: string | null): string {
  const options = platforms.map(([code, name]) => {
    return `<option value="${code}"${code === selected ? ' selected' : ''}>${name}</option>`;
  });
  return `<p><label for="platform">Accounting product</label>
<select id="platform" name="platform">${options.join('')}</select></p>`;
}

function readWebUrl(text: string, name: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
    throw new ScreenError(400, `${name} must be an http or https address.`);
  }
  return url;
}

function readConnection(screens: Screens, id: string): Promise<ShownConnection> {
  return control<ShownConnection>(screens, 'GET', `/connections/${encodeURIComponent(id)}`);
}
