import { sleep, type WorkflowInterceptorsFactory } from '@temporalio/workflow';

/*
 * What another deployment could bring, around the workflows of today. Only for tests that show which change is noticed.
 */

/**
 * - `added command`: one more command at the beginning of every workflow, without a patch.
 * - `renamed activities`: every activity has got another name.
 * - `widened activities`: every activity is given a field more.
 */
export type WorkflowChange = 'added command' | 'renamed activities' | 'widened activities';

/** Replaced by the change in the text of the bundle, so that all changes need one bundle. */
export const changeMark = 'the change of this bundle';
const change: string = 'the change of this bundle';

export const interceptors: WorkflowInterceptorsFactory = () => ({
  inbound: [
    {
      execute: async (input, next) => {
        if (change === 'added command') await sleep('1ms');
        return next(input);
      },
    },
  ],
  outbound: [
    {
      scheduleActivity: (input, next) => {
        if (change === 'renamed activities')
          return next({ ...input, activityType: `${input.activityType}Renamed` });
        if (change === 'widened activities')
          return next({
            ...input,
            args: input.args.map((argument) => ({ ...(argument as object), added: true })),
          });
        return next(input);
      },
    },
  ],
});
