/** Finished markup. Only `html` makes it, so text that was not escaped cannot reach a page. */
export class Html {
  private constructor(readonly markup: string) {}

  /** Inserts values into the template's own text: markup unchanged, everything else escaped. */
  static fromTemplate(strings: TemplateStringsArray, values: readonly HtmlValue[]): Html {
    return new Html(
      strings.map((text, index) => text + (index < values.length ? print(values[index]) : '')).join(''),
    );
  }
}

/** The values that a template accepts: markup, lists of it, text to be escaped, or nothing. */
export type HtmlValue = Html | readonly HtmlValue[] | string | number | null | undefined | false;

/**
 * Tagged template for pages: html`<p>${text}</p>`. Text is escaped for element content and quoted attributes; values are
 * not allowed anywhere else (no script, no style, no unquoted attribute).
 */
export function html(strings: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  return Html.fromTemplate(strings, values);
}

function print(value: HtmlValue): string {
  if (value === null || value === undefined || value === false) return '';
  if (value instanceof Html) return value.markup;
  if (typeof value === 'object') return value.map(print).join('');
  return escapeText(String(value));
}

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escapeText(text: string): string {
  return text.replace(/[&<>"']/g, (character) => escapes[character] ?? character);
}
