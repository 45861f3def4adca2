import { machineActions as commonActions } from '../stand-in/control-machine.js';
import { defaultKnobs } from './assumptions.js';
import { ControlError, integerOf, type ControlAction, type ControlRequest } from './control-action.js';
import type { FaultSpec } from './faults.js';
import { finishJob } from './jobs.js';
import type { Outcome } from './records.js';
import type { Sandbox } from './sandbox.js';

export const machineActions: readonly ControlAction[] = [
  ...commonActions<Sandbox>({
    knobDefaults: defaultKnobs,
    keepOffset: (sandbox, offsetMs) => sandbox.commit({ type: 'clock_moved', offsetMs }),
    addFault: (sandbox, order) => sandbox.faults.add(order as FaultSpec),
  }),
  { method: 'POST', path: '/jobs/:id/finish', run: endJob },
];

/** Ends a job, as done or as failed with a status. A job that never ends has no other end. */
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
