import { html } from './html.js';
import type { Html } from './html.js';
import { assetPaths } from './styles.js';
import type { Texts } from './texts.js';

export interface PageInput {
  readonly title: string;
  readonly main: Html;
  /** At the right of the header, such as the sign-out button. */
  readonly corner?: Html;
  /** For tables and lists, which need more room than a form. */
  readonly wide?: boolean;
  /** The page loads `path` after this many seconds, without a script. */
  readonly refresh?: { readonly seconds: number; readonly path: string };
}

/** A whole page as text. */
export function printPage(t: Texts, page: PageInput): string {
  const { refresh } = page;
  return html`<!doctype html>
    <html lang="${t.language}">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="robots" content="noindex" />
        ${refresh && html`<meta http-equiv="refresh" content="${refresh.seconds};url=${refresh.path}" />`}
        <title>${page.title} – ${t.serviceName}</title>
        <link rel="icon" type="image/svg+xml" href="${assetPaths.icon}" />
        <link rel="stylesheet" href="${assetPaths.stylesheet}" />
      </head>
      <body class="${page.wide ? 'wide' : 'narrow'}">
        <header>
          <div class="brand">
            <img src="${assetPaths.icon}" alt="" width="28" height="28" /><span>${t.serviceName}</span>
          </div>
          ${page.corner}
        </header>
        <main id="main">${page.main}</main>
        <footer><p>${t.footer}</p></footer>
      </body>
    </html> `.markup;
}

/** A page with a message and the next steps. */
export function messageMain(input: { heading: string; paragraphs: readonly string[]; more?: Html }): Html {
  return html`<div class="card">
    <h1>${input.heading}</h1>
    ${input.paragraphs.map((text) => html`<p>${text}</p>`)} ${input.more}
  </div>`;
}

/** One line of a list of facts, inside `<dl class="facts">`. */
export function fact(name: string, value: string): Html {
  return html`<div>
    <dt>${name}</dt>
    <dd>${value}</dd>
  </div>`;
}
