import type { VirtualClock } from './clock.js';
import { ControlError, integerOf, textOf, type ControlAction, type ControlRequest } from './control.js';
import type { FaultOrder } from './faults.js';

type KnobValue = number | boolean | null;

/** The parts of every stand-in. */
export interface Machine {
  readonly clock: VirtualClock;
  readonly knobs: object;
  readonly faults: { list(): unknown[]; clear(id?: number): void };
  readonly origin: string;
}

export interface MachineParts<Sandbox> {
  knobDefaults: object;
  /** Keeps the clock's offset, so that a restart finds it. */
  keepOffset: (sandbox: Sandbox, offsetMs: number) => void;
  addFault: (sandbox: Sandbox, order: FaultOrder) => { id: number };
}

/** Health, clock, knobs and faults: control endpoints of every stand-in. */
export function machineActions<Sandbox extends Machine>(
  parts: MachineParts<Sandbox>,
): readonly ControlAction<Sandbox>[] {
  const clearFaults = (sandbox: Sandbox, { params }: ControlRequest): unknown => {
    sandbox.faults.clear(params['id'] === undefined ? undefined : Number(params['id']));
    return { faults: sandbox.faults.list() };
  };
  return [
    { method: 'GET', path: '/health', run: (sandbox) => ({ status: 'ok', url: sandbox.origin }) },
    { method: 'GET', path: '/clock', run: (sandbox) => showClock(sandbox.clock) },
    { method: 'POST', path: '/clock', run: (sandbox, { body }) => moveClock(sandbox, body, parts) },
    { method: 'GET', path: '/knobs', run: (sandbox) => sandbox.knobs },
    {
      method: 'POST',
      path: '/knobs',
      run: (sandbox, { body }) => turnKnobs(parts.knobDefaults, sandbox.knobs, body),
    },
    { method: 'GET', path: '/faults', run: (sandbox) => ({ faults: sandbox.faults.list() }) },
    { method: 'POST', path: '/faults', run: (sandbox, { body }) => addFault(sandbox, body, parts) },
    { method: 'DELETE', path: '/faults', run: clearFaults },
    { method: 'DELETE', path: '/faults/:id', run: clearFaults },
  ];
}

function showClock(clock: VirtualClock): unknown {
  return { now: new Date(clock.nowMs()).toISOString(), offset_ms: clock.offsetMs };
}

/** Moves the clock by `{advance_ms}` or to `{set}`; it continues to run. */
function moveClock<Sandbox extends Machine>(
  sandbox: Sandbox,
  body: Record<string, unknown>,
  parts: MachineParts<Sandbox>,
): unknown {
  const { clock } = sandbox;
  const offsetMs =
    body['set'] === undefined
      ? clock.offsetMs + integerOf(body['advance_ms'], 'advance_ms')
      : Date.parse(textOf(body['set'], 'set')) - Date.now();
  if (!Number.isFinite(offsetMs)) throw new ControlError(400, 'set must be an ISO 8601 date and time');
  parts.keepOffset(sandbox, offsetMs);
  clock.setOffset(offsetMs);
  return showClock(clock);
}

/** Changes the named knobs, or none when one is wrong. @throws ControlError naming it. */
export function turnKnobs<Knobs extends object>(
  defaults: object,
  knobs: Knobs,
  wanted: Record<string, unknown>,
): Knobs {
  const known = defaults as Record<string, KnobValue>;
  for (const [name, value] of Object.entries(wanted)) {
    if (!(name in known)) {
      throw new ControlError(400, `no knob ${name}; there are ${Object.keys(known).join(', ')}`);
    }
    const isFlag = typeof known[name] === 'boolean';
    const isNumber = typeof value === 'number' && Number.isFinite(value) && value >= 0;
    const isNull = value === null && known[name] === null;
    if (isFlag ? typeof value !== 'boolean' : !isNumber && !isNull) {
      throw new ControlError(400, `${name} must be ${isFlag ? 'true or false' : 'a number of 0 or more'}`);
    }
  }
  return Object.assign(knobs, wanted);
}

function addFault<Sandbox extends Machine>(
  sandbox: Sandbox,
  body: Record<string, unknown>,
  parts: MachineParts<Sandbox>,
): unknown {
  try {
    return { id: parts.addFault(sandbox, body as unknown as FaultOrder).id };
  } catch (error) {
    throw new ControlError(400, error instanceof Error ? error.message : String(error));
  }
}
