/**
 * The one place that words what a schema finds wrong, as the end of a sentence that begins with the field's name. A schema
 * whose rule needs other words gives its own. Pure: findings have the form of Zod's issues.
 */

/** What is read of a finding; `input` is undefined where a field is missing. */
export interface Finding {
  readonly code: string;
  readonly input?: unknown;
  readonly expected?: unknown;
  readonly origin?: unknown;
  readonly minimum?: unknown;
  readonly maximum?: unknown;
  readonly format?: unknown;
  readonly values?: readonly unknown[];
  readonly divisor?: unknown;
}

export function describeFinding(finding: Finding): string {
  if (finding.input === undefined) return 'is required';
  switch (finding.code) {
    case 'invalid_type':
      return typeMessage(finding);
    case 'invalid_value':
      return `must be ${oneOf(finding.values ?? [])}`;
    case 'invalid_format':
      return formats[String(finding.format)] ?? 'does not have the described form';
    case 'too_small':
      return sizeMessage(finding, { word: 'at least', bound: finding.minimum });
    case 'too_big':
      return sizeMessage(finding, { word: 'at most', bound: finding.maximum });
    case 'not_multiple_of':
      return `must be a multiple of ${String(finding.divisor)}`;
    case 'unrecognized_keys':
      return 'has a field that is not known';
    case 'invalid_union':
      return 'has none of the described forms';
    default:
      return 'is not valid';
  }
}

function typeMessage({ expected, input }: Finding): string {
  if (expected === 'int' && typeof input === 'number') return 'must be a whole number';
  return types[String(expected)] ?? 'has a value of the wrong type';
}

const types: Readonly<Record<string, string>> = {
  string: 'must be a string',
  number: 'must be a number',
  int: 'must be a whole number',
  boolean: 'must be true or false',
  array: 'must be a list',
  tuple: 'must be a list',
  object: 'must be an object',
  record: 'must be an object',
  null: 'must be null',
};

const formats: Readonly<Record<string, string>> = {
  date: 'must be a day that exists, as YYYY-MM-DD',
  datetime: 'must be an ISO 8601 date and time, such as 2026-01-31T09:30:00Z',
  email: 'must be an email address',
  url: 'must be a URL',
  uuid: 'must be a UUID',
  json_string: 'must be JSON',
};

function sizeMessage(finding: Finding, { word, bound }: { word: string; bound: unknown }): string {
  const { origin, code } = finding;
  const isOne = Number(bound) === 1;
  if (code === 'too_small' && isOne && (origin === 'string' || origin === 'array'))
    return 'must not be empty';
  if (origin === 'string') return `must have ${word} ${String(bound)} ${isOne ? 'character' : 'characters'}`;
  if (origin === 'array' || origin === 'set')
    return `must have ${word} ${String(bound)} ${isOne ? 'entry' : 'entries'}`;
  return `must be ${word} ${String(bound)}`;
}

function oneOf(values: readonly unknown[]): string {
  const named = values.map(String);
  return named.length === 1 ? named.join('') : `one of ${named.join(', ')}`;
}
