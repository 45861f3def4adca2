import { isIsoDate } from '../stand-in/iso-date.js';
import { textCharactersMax } from './assumptions.js';
import { invalid, isObject, type Fault } from './http.js';

const isoDay = /^(\d{4})-(\d{2})-(\d{2})$/;

/** Reads a JSON object field by field and gathers every fault, since a validation reports all at once. */
export class Fields {
  readonly faults: Fault[] = [];
  readonly #body: Record<string, unknown>;

  /** @throws ApiError 400 when it is no object */
  constructor(
    body: unknown,
    private readonly prefix = '',
  ) {
    if (!isObject(body))
      throw invalid({ field: prefix === '' ? 'body' : prefix, reason: 'must be an object' });
    this.#body = body;
  }

  value(name: string): unknown {
    return this.#body[name];
  }

  fault(name: string, reason: string): void {
    this.faults.push({ field: `${this.prefix}${name}`, reason });
  }

  /** Required text; '' when it is at fault. */
  text(name: string): string {
    const value = this.#body[name];
    if (typeof value === 'string' && value !== '' && value.length <= textCharactersMax) return value;
    this.fault(name, value === undefined || value === null ? 'is required' : 'must be text');
    return '';
  }

  /** Absent and null are the same. */
  optionalText(name: string): string | null {
    const value = this.#body[name];
    if (value === undefined || value === null) return null;
    if (typeof value !== 'string' || value.length > textCharactersMax) {
      this.fault(name, 'must be text');
      return null;
    }
    return value;
  }

  /** Required date, with or without a time. */
  date(name: string): string {
    const text = this.text(name);
    if (text !== '' && !isDateText(text)) this.fault(name, 'must be an ISO 8601 date');
    return text;
  }

  /** @throws ApiError 400 with all faults */
  check(): void {
    if (this.faults.length > 0) throw invalid(...this.faults);
  }
}

/** A calendar day or a date-time with an offset. */
export function isDateText(text: string): boolean {
  const day = isoDay.exec(text);
  if (day === null) return isIsoDate(text);
  return Number(day[2]) >= 1 && Number(day[2]) <= 12 && isIsoDate(`${text}T00:00:00Z`);
}

/** Without a time, midnight UTC. */
export function dateMs(text: string): number {
  return Date.parse(isoDay.test(text) ? `${text}T00:00:00Z` : text);
}
