/** Input of `sageBankLinkWorkflow`; the way through the bank's pages stands in its row. */
export interface SageBankLinkInput {
  readonly linkId: string;
}
