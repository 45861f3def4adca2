import { html } from './html.js';
import { printPage } from './layout.js';
import type { Texts } from './texts.js';

/** `GET /`: what this origin serves, with links. It shows nothing of the installation, since anybody may load it. */
export function homePage(t: Texts): string {
  const { title, lead, links } = t.home;
  const main = html`<div class="card">
    <h1>${title}</h1>
    <p>${lead}</p>
    <ul>
      ${links.map(({ path, text, about }) => html`<li><a href="${path}">${text}</a>: ${about}</li>`)}
    </ul>
  </div>`;
  return printPage(t, { title, main });
}
