/** Input of `sageReprocessWorkflow`; the transactions and the progress are stored in its row. */
export interface SageReprocessInput {
  readonly reprocessId: string;
}
