import { DEFAULT_KNOBS, type Knobs } from './assumptions.js';
import {
  ControlError,
  integerOf,
  textOf,
  type ControlAction,
  type ControlRequest,
} from './control-action.js';
import type { FaultSpec } from './faults.js';
import { finishJob } from './jobs.js';
import type { Outcome } from './records.js';
import { iso } from './render.js';
import type { Sandbox } from './sandbox.js';

export const machineActions: readonly ControlAction[] = [
  { method: 'GET', path: '/health', run: (sandbox) => ({ status: 'ok', url: sandbox.origin }) },
  { method: 'GET', path: '/clock', run: showClock },
  { method: 'POST', path: '/clock', run: moveClock },
  { method: 'GET', path: '/knobs', run: (sandbox) => sandbox.knobs },
  { method: 'POST', path: '/knobs', run: (sandbox, { body }) => turnKnobs(sandbox.knobs, body) },
  { method: 'GET', path: '/faults', run: (sandbox) => ({ faults: sandbox.faults.list() }) },
  { method: 'POST', path: '/faults', run: addFault },
  { method: 'DELETE', path: '/faults', run: clearFaults },
  { method: 'DELETE', path: '/faults/:id', run: clearFaults },
  { method: 'POST', path: '/jobs/:id/finish', run: endJob },
];

function showClock(sandbox: Sandbox): unknown {
  return { now: iso(sandbox.clock.nowMs()), offset_ms: sandbox.clock.offsetMs };
}

/** `{advance_ms}` from where it is, or `{set}` to an instant; both go on ticking. */
function moveClock(sandbox: Sandbox, { body }: ControlRequest): unknown {
  const offsetMs =
    body['set'] === undefined
      ? sandbox.clock.offsetMs + integerOf(body['advance_ms'], 'advance_ms')
      : Date.parse(textOf(body['set'], 'set')) - Date.now();
  if (!Number.isFinite(offsetMs)) throw new ControlError(400, 'set must be an ISO 8601 date and time');
  sandbox.commit({ type: 'clock_moved', offsetMs });
  sandbox.clock.setOffset(offsetMs);
  return showClock(sandbox);
}

/** Changes the named knobs, or none when one is wrong. @throws ControlError naming it. */
export function turnKnobs(knobs: Knobs, wanted: Record<string, unknown>): Knobs {
  for (const [name, value] of Object.entries(wanted)) {
    if (!(name in DEFAULT_KNOBS)) {
      throw new ControlError(400, `no knob ${name}; there are ${Object.keys(DEFAULT_KNOBS).join(', ')}`);
    }
    const isFlag = typeof DEFAULT_KNOBS[name as keyof Knobs] === 'boolean';
    const isNumber = typeof value === 'number' && Number.isFinite(value) && value >= 0;
    const isNull = value === null && DEFAULT_KNOBS[name as keyof Knobs] === null;
    if (isFlag ? typeof value !== 'boolean' : !isNumber && !isNull) {
      throw new ControlError(400, `${name} must be ${isFlag ? 'true or false' : 'a number of 0 or more'}`);
    }
  }
  return Object.assign(knobs, wanted);
}

function addFault(sandbox: Sandbox, { body }: ControlRequest): unknown {
  try {
    return { id: sandbox.faults.add(body as unknown as FaultSpec).id };
  } catch (error) {
    throw new ControlError(400, error instanceof Error ? error.message : String(error));
  }
}

function clearFaults(sandbox: Sandbox, { params }: ControlRequest): unknown {
  sandbox.faults.clear(params['id'] === undefined ? undefined : Number(params['id']));
  return { faults: sandbox.faults.list() };
}

/** Ends a job by hand: done, or failed with a status. The only way out of one that never ends. */
function endJob(sandbox: Sandbox, { params, body }: ControlRequest): unknown {
  const job = sandbox.state.jobs.get(params['id'] ?? '');
  if (job === undefined) throw new ControlError(404, 'no such job');
  if (job.finishedAtMs !== null) throw new ControlError(409, 'the job has ended');
  const outcome: Outcome =
    body['http_status'] === undefined
      ? { kind: 'done' }
      : {
          kind: 'failed',
          httpStatus: integerOf(body['http_status'], 'http_status'),
          body: body['body'] ?? null,
          withEffect: false,
        };
  finishJob(sandbox, job.id, outcome);
  return { id: job.id, http_status: job.httpStatus };
}
