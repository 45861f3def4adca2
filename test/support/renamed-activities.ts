import type { WorkflowInterceptorsFactory } from '@temporalio/workflow';

/** Bundled with the workflows of today: every activity has got another name. */
export const interceptors: WorkflowInterceptorsFactory = () => ({
  outbound: [
    {
      scheduleActivity: (input, next) => next({ ...input, activityType: `${input.activityType}Renamed` }),
    },
  ],
});
