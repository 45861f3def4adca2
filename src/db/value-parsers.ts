import pg from 'pg';

type TypeId = Parameters<typeof pg.types.getTypeParser>[0];

/** A value has a form that the session's settings exclude: it is refused, since reading it would be a guess. */
export class UnknownValueForm extends Error {
  override readonly name = 'UnknownValueForm';
  constructor(type: string) {
    // Without the value, which may be a customer's.
    super(`PostgreSQL answered a ${type} in an unknown form: the settings of the session are not ours`);
  }
}

const { builtins } = pg.types;

/** Of array types, which `pg` does not name. */
const arrayTypes = {
  timestamp: 1115,
  date: 1182,
  time: 1183,
  timestamptz: 1185,
  interval: 1187,
  numeric: 1231,
};

/** Types whose text depends on a time zone or on settings, or whose values `pg` would round: a query casts them. */
const refusedTypes: ReadonlyMap<number, string> = new Map<number, string>([
  [builtins.TIMESTAMP, 'timestamp without time zone'],
  [builtins.TIME, 'time'],
  [builtins.TIMETZ, 'time with time zone'],
  [builtins.INTERVAL, 'interval'],
  ...Object.entries(arrayTypes).map(([name, id]): [number, string] => [id, `${name}[]`]),
]);

const exactTypes: ReadonlyMap<number, (text: string) => unknown> = new Map<number, (text: string) => unknown>(
  [
    [builtins.TIMESTAMPTZ, isoFromPostgres],
    [builtins.DATE, dateFromPostgres],
    [builtins.BYTEA, bytesFromPostgres],
    [builtins.NUMERIC, (text) => text],
    [builtins.INT8, (text) => text],
  ],
);

/**
 * How `pg` reads values of a type: `timestamptz` as ISO text in UTC with microseconds where it has them, `numeric`, `bigint`
 * and `date` as text. The parsers throw UnknownValueForm, with which the query fails.
 */
export function typeParser(type: TypeId, format?: 'text' | 'binary'): (value: string) => unknown {
  const exact = exactTypes.get(type);
  if (exact !== undefined) return exact;
  const refused = refusedTypes.get(type);
  if (refused !== undefined) {
    return () => {
      throw new Error(`a ${refused} has no exact form: the query must cast it, for example to text`);
    };
  }
  return pg.types.getTypeParser(type, format) as (value: string) => unknown;
}

/** `2026-02-03 09:14:07.12+00` as `2026-02-03T09:14:07.120Z`; microseconds stay when there are any. @throws UnknownValueForm */
export function isoFromPostgres(value: string): string {
  const match = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?\+00$/.exec(value);
  if (match === null) throw new UnknownValueForm('timestamptz');
  const fraction = (match[3] ?? '').padEnd(3, '0');
  return `${match[1]}T${match[2]}.${fraction}Z`;
}

/** @throws UnknownValueForm */
export function dateFromPostgres(value: string): string {
  if (!/^\d{4}-\d\d-\d\d$/.test(value)) throw new UnknownValueForm('date');
  return value;
}

/** @throws UnknownValueForm */
export function bytesFromPostgres(value: string): Buffer {
  if (!/^\\x(?:[0-9a-f]{2})*$/.test(value)) throw new UnknownValueForm('bytea');
  return Buffer.from(value.slice(2), 'hex');
}
