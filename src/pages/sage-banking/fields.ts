import { html } from '../html.js';
import type { Html, HtmlValue } from '../html.js';

interface FieldInput {
  readonly name: string;
  readonly label: string;
  readonly value: string;
  readonly hint?: string | undefined;
  /** The problem of the value: shown beside the field, and announced with it. */
  readonly error?: string | undefined;
}

/** A text input with its label, hint and problem. */
export function textField(
  field: FieldInput & {
    type?: 'text' | 'date';
    required?: boolean;
    autocomplete?: string;
    lengthMax?: number;
    max?: string;
    inputMode?: 'numeric' | 'decimal';
  },
): Html {
  const { name } = field;
  return html`<div class="field">
    <label for="${name}">${field.label}</label>
    ${hintOf(field)}
    <input
      type="${field.type ?? 'text'}"
      id="${name}"
      name="${name}"
      value="${field.value}"
      autocomplete="${field.autocomplete ?? 'off'}"
      ${field.lengthMax !== undefined && html`maxlength="${field.lengthMax}"`}
      ${field.max !== undefined && html`max="${field.max}"`}
      ${field.inputMode !== undefined && html`inputmode="${field.inputMode}"`}
      ${field.required === true && html`required`}
      ${describedBy(field)}
    />
    ${errorOf(field)}
  </div>`;
}

/** A select with its label, hint and problem. */
export function selectField(
  field: FieldInput & { options: readonly (readonly [value: string, label: string])[] },
): Html {
  const { name, options, value } = field;
  return html`<div class="field">
    <label for="${name}">${field.label}</label>
    ${hintOf(field)}
    <select id="${name}" name="${name}" ${describedBy(field)}>
      ${options.map(
        ([option, label]) =>
          html`<option value="${option}" ${option === value && html`selected`}>${label}</option>`,
      )}
    </select>
    ${errorOf(field)}
  </div>`;
}

/** Radio buttons with a common question. */
export function radioField(
  field: Omit<FieldInput, 'hint'> & { options: readonly (readonly [value: string, label: string])[] },
): Html {
  const { name, options, value } = field;
  return html`<fieldset ${describedBy(field)}>
    <legend>${field.label}</legend>
    ${errorOf(field)}
    ${options.map(
      ([option, label], index) =>
        html`<div class="choice">
          <input
            type="radio"
            name="${name}"
            id="${name}-${index}"
            value="${option}"
            ${option === value && html`checked`}
          />
          <label for="${name}-${index}"><bdi>${label}</bdi></label>
        </div>`,
    )}
  </fieldset>`;
}

function hintOf({ name, hint }: FieldInput): HtmlValue {
  return hint !== undefined && html`<p class="hint" id="${name}-hint">${hint}</p>`;
}

function errorOf({ name, error }: FieldInput): HtmlValue {
  return error !== undefined && html`<p class="error" id="${name}-error">${error}</p>`;
}

function describedBy({ name, hint, error }: FieldInput): HtmlValue {
  const ids = [hint === undefined ? '' : `${name}-hint`, error === undefined ? '' : `${name}-error`];
  const list = ids.filter((id) => id !== '').join(' ');
  return list !== '' && html`aria-describedby="${list}" ${error !== undefined && html`aria-invalid="true"`}`;
}
