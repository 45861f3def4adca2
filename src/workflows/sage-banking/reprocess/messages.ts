/** Input of `sageReprocessWorkflow`; what to reprocess, and how far it has come, stand in its row. */
export interface SageReprocessInput {
  readonly reprocessId: string;
}
