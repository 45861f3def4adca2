/** Input of `sageAccountLinkWorkflow`; the way through the bank's pages stands in its row. */
export interface SageAccountLinkInput {
  readonly linkId: string;
}
