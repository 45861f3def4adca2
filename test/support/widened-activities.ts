import type { WorkflowInterceptorsFactory } from '@temporalio/workflow';

/** Bundled with the workflows of today: every activity is given a field more. */
export const interceptors: WorkflowInterceptorsFactory = () => ({
  outbound: [
    {
      scheduleActivity: (input, next) =>
        next({ ...input, args: input.args.map((argument) => ({ ...(argument as object), added: true })) }),
    },
  ],
});
