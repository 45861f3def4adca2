/** Input of `providerCommandWorkflow`; what to do stands in the command's row. */
export interface ProviderCommandInput {
  readonly commandId: string;
  /** Whom to ask; Rutter unless given. */
  readonly provider?: 'sage';
}
