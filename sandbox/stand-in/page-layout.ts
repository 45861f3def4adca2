const style = `
  :root { color-scheme: light dark; font-family: system-ui, sans-serif; line-height: 1.5; }
  body { margin: 0; background: Canvas; color: CanvasText; }
  header { background: #00402e; color: #fff; padding: 0.75rem 1.5rem; font-weight: 600; }
  header.rutter { background: #3b2a78; }
  main { max-width: 52rem; margin: 1.5rem auto; padding: 0 1.5rem; }
  fieldset { border: 1px solid #8886; border-radius: 0.5rem; margin: 0 0 1rem; padding: 1rem; }
  legend { font-weight: 600; padding: 0 0.25rem; }
  label { display: block; margin: 0.25rem 0; }
  input[type='datetime-local'], input[type='text'], input[type='password'], select { font: inherit; padding: 0.35rem 0.5rem; min-width: 16rem; }
  button, a.button { font: inherit; background: #00713f; color: #fff; border: 0; border-radius: 0.4rem;
    padding: 0.55rem 1.1rem; cursor: pointer; text-decoration: none; display: inline-block; }
  header.rutter + main button { background: #5a41b8; }
  header.bank { background: #1d3557; }
  header.bank + main button { background: #2a5fa5; }
  button:focus-visible, a:focus-visible, input:focus-visible, select:focus-visible { outline: 3px solid #e0a100; }
  table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
  th, td { text-align: left; padding: 0.3rem 0.5rem; border-bottom: 1px solid #8884; }
  td.amount, th.amount { text-align: right; }
  iframe { width: 100%; height: 36rem; border: 1px solid #8886; border-radius: 0.5rem; }
`;

const brands = {
  sage: 'Sage (sandbox)',
  rutter: 'Rutter Link (sandbox)',
  bank: 'A bank (sandbox)',
} as const;
export type Brand = keyof typeof brands;

export interface Page {
  title: string;
  /** HTML; values from outside are escaped with escapeHtml(). */
  body: string;
  /** The party whose page is simulated. */
  brand: Brand;
  /** Seconds after which the browser reloads the page, without a script. */
  refreshSeconds?: number;
}

/** A whole page. */
export function layout(page: Page): string {
  const refresh =
    page.refreshSeconds === undefined ? '' : `<meta http-equiv="refresh" content="${page.refreshSeconds}">`;
  const name = brands[page.brand];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
${refresh}
<title>${escapeHtml(page.title)} – ${name}</title>
<style>${style}</style>
</head>
<body>
<header class="${page.brand}">${name}</header>
<main>
<h1>${escapeHtml(page.title)}</h1>
${page.body}
</main>
</body>
</html>
`;
}

export function errorPage(sentence: string): string {
  const body = `<p role="alert">${escapeHtml(sentence)}</p><p><a href="/">Back to the start</a></p>`;
  return layout({ title: 'That did not work', body, brand: 'sage' });
}

/** For text and for attributes in double quotes. */
export function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}
