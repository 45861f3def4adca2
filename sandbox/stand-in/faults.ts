export const resetPoints = ['before_any_byte', 'after_headers', 'half_body'] as const;
export const malformedShapes = [
  'truncated_json',
  'html',
  'empty',
  'wrong_content_type',
  'huge',
  'gzip_bomb',
] as const;

/** The requests that a fault applies to. A stand-in adds its own ids, which are compared with the subject's `ids`. */
export interface FaultMatch {
  method?: string;
  /** Regular expression over the path without parameters. */
  path?: string;
  /** Fires from the n-th matching request on; default 1. */
  nth?: number;
}

/** The fields of every fault order. */
export interface FaultOrder {
  kind: string;
  match?: FaultMatch;
  /** How often it fires; default 1, 0 = until removed. */
  times?: number;
  retry_after?: string;
  /** `reset_after_effect` */
  point?: (typeof resetPoints)[number];
  delay_ms?: number;
  http_status?: number;
  body?: unknown;
  headers?: Record<string, string>;
  location?: string;
  /** `malformed_body` */
  shape?: (typeof malformedShapes)[number];
  bytes?: number;
  /** `rewrite_body`: every `find` in the answer's text becomes `replace`. */
  find?: string;
  replace?: string;
}

export interface FaultSubject {
  method: string;
  path: string;
  /** By the names that a fault's `match` uses for them. */
  ids: Readonly<Record<string, string | null>>;
}

export interface Fault<Order extends FaultOrder> {
  id: number;
  spec: Order;
  fired: number;
  seen: number;
}

/** How a stand-in defines its own kinds of faults. */
export interface FaultKinds<Order extends FaultOrder, Stage extends string, Subject extends FaultSubject> {
  kinds: readonly string[];
  stageOf: (order: Order, method: string) => Stage;
  /** @throws Error with a sentence when the order is wrong. */
  check?: (order: Order) => void;
  /** Beyond `match`. */
  appliesTo?: (order: Order, subject: Subject) => boolean;
  timesDefault?: (order: Order) => number;
}

/** The faults that tests have ordered, in the order they were ordered. Memory only. */
export class FaultBoard<
  Order extends FaultOrder,
  Stage extends string,
  Subject extends FaultSubject = FaultSubject,
> {
  #faults: Fault<Order>[] = [];
  #nextId = 1;

  constructor(private readonly known: FaultKinds<Order, Stage, Subject>) {}

  /** @throws Error with a sentence when the order is wrong. */
  add(spec: Order): Fault<Order> {
    const { kinds } = this.known;
    if (!kinds.includes(spec.kind)) throw new Error(`kind must be one of ${kinds.join(', ')}`);
    this.known.check?.(spec);
    checkOrder(spec);
    const fault: Fault<Order> = { id: this.#nextId++, spec, fired: 0, seen: 0 };
    this.#faults.push(fault);
    return fault;
  }

  list(): Fault<Order>[] {
    return this.#faults;
  }

  clear(id?: number): void {
    this.#faults = id === undefined ? [] : this.#faults.filter((fault) => fault.id !== id);
  }

  /** The faults that fire on this request at this stage, each counted as fired. */
  take(stage: Stage, subject: Subject): Order[] {
    const firing = this.#faults.filter((fault) => {
      const { spec } = fault;
      if (this.known.stageOf(spec, subject.method) !== stage || !matches(spec.match ?? {}, subject)) {
        return false;
      }
      if (this.known.appliesTo?.(spec, subject) === false) return false;
      fault.seen += 1;
      if (fault.seen < (spec.match?.nth ?? 1)) return false;
      const timesMax = spec.times ?? this.known.timesDefault?.(spec) ?? 1;
      if (timesMax !== 0 && fault.fired >= timesMax) return false;
      fault.fired += 1;
      return true;
    });
    return firing.map((fault) => fault.spec);
  }
}

function matches({ method, path, nth: _nth, ...ids }: FaultMatch, subject: FaultSubject): boolean {
  if (method !== undefined && method !== subject.method) return false;
  if (path !== undefined && !new RegExp(path).test(subject.path)) return false;
  return Object.entries(ids).every(([name, id]) => id === undefined || id === subject.ids[name]);
}

function checkOrder(order: FaultOrder): void {
  if (order.match?.path !== undefined) new RegExp(order.match.path);
  if (order.point !== undefined && !resetPoints.includes(order.point)) {
    throw new Error(`point must be one of ${resetPoints.join(', ')}`);
  }
  if (
    order.kind === 'malformed_body' &&
    (order.shape === undefined || !malformedShapes.includes(order.shape))
  ) {
    throw new Error(`malformed_body needs a shape: ${malformedShapes.join(', ')}`);
  }
  const numbers = order as unknown as Record<string, unknown>;
  for (const name of ['http_status', 'delay_ms', 'run_ms', 'count', 'bytes', 'times']) {
    const value = numbers[name];
    if (value !== undefined && !(Number.isInteger(value) && Number(value) >= 0)) {
      throw new Error(`${name} must be a whole number of 0 or more`);
    }
  }
}
