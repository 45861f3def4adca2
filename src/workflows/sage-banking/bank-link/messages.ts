/** Input of `sageBankLinkWorkflow`; the consent session is stored in its row. */
export interface SageBankLinkInput {
  readonly linkId: string;
}
