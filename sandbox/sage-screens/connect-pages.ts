import { escapeHtml, layout } from '../stand-in/page-layout.js';
import { control } from './rutter-control.js';
import { seeOther, type Reply, type Screen, type ScreenRequest, type Screens } from './screen.js';

export const connectPages: readonly Screen[] = [
  { method: 'GET', path: /^\/$/, reply: startPage },
  { method: 'POST', path: /^\/connect$/, reply: startLogin },
  { method: 'GET', path: /^\/connect$/, reply: startLogin },
  { method: 'GET', path: /^\/popup$/, reply: popupPage },
  { method: 'GET', path: /^\/frame$/, reply: framePage },
];

function startPage(): Reply {
  const body = `
<p>Your company's books are open. Choose how the bank's login is shown:</p>
<form method="post" action="/connect"><p><button type="submit">Connect your bank</button></p></form>
<ul>
<li><a href="/popup">Connect in a pop-up window</a></li>
<li><a href="/frame">Connect inside this page (cross-site frame)</a></li>
<li><a href="/register">Sage register: what has arrived</a></li>
<li><a href="/link">Rutter Link</a></li>
</ul>`;
  return { html: layout({ title: 'Connect your bank', body, brand: 'sage' }) };
}

/** A challenge from Rutter, then the bank's login with the inner URL un-encoded, as Rutter's guide shows it. */
async function startLogin(screens: Screens): Promise<Reply> {
  const { login_query: query } = await control<{ login_query: string }>(screens, 'POST', '/challenges', {});
  return seeOther(`${screens.loginUrl}${screens.loginUrl.includes('?') ? '&' : '?'}${query}`);
}

/** The pop-up ends on the landing page, which reports to its opener when it still has one. */
function popupPage(): Reply {
  const body = `
<p>The bank's login opens in a window of its own; this page waits for it.</p>
<p><button type="button" id="open">Connect in a pop-up window</button></p>
<p role="status" id="outcome">Not connected yet.</p>
<noscript><p>Pop-ups need JavaScript. <a href="/connect">Connect in this window</a> instead.</p></noscript>
<script>
  const outcome = document.getElementById('outcome');
  document.getElementById('open').addEventListener('click', () => {
    const opened = window.open('/connect', 'bank-login', 'popup,width=560,height=760');
    outcome.textContent = opened ? 'Waiting for the bank.' : 'The browser blocked the window.';
  });
  window.addEventListener('message', (event) => {
    if (event.origin !== location.origin || event.data?.type !== 'sage-linked') return;
    outcome.textContent = 'Connected: the pop-up window kept its opener.';
  });
</script>`;
  return { html: layout({ title: 'Connect in a pop-up window', body, brand: 'sage' }) };
}

/** The outer page must be another site than the login: localhost and 127.0.0.1 are two sites. */
function framePage(screens: Screens, { url }: ScreenRequest): Reply {
  const loginHost = new URL(screens.loginUrl).hostname;
  if (url.hostname === loginHost) {
    const other = new URL(url);
    other.hostname = loginHost === 'localhost' ? '127.0.0.1' : 'localhost';
    return seeOther(other.href);
  }
  const text = `This page is on ${url.hostname}, the bank's login on ${loginHost}: another site.`;
  const body = `
<p>${escapeHtml(text)}</p>
<iframe src="/connect" title="Login of your bank"></iframe>`;
  return { html: layout({ title: 'Connect inside this page', body, brand: 'sage' }) };
}
