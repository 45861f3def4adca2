/** A posted transaction as delivery reads it. `amount` is an exact decimal, money out negative; instants are UTC. */
export interface DeliverablePosting {
  readonly transactionId: string;
  /** Position in the account's order of arrival, as decimal text: breaks ties of `sendAt`. */
  readonly sequence: string;
  readonly postedAt: string;
  /** `YYYY-MM-DD`. */
  readonly bookingDay: string;
  /** The instant under which it is sent and ordered. */
  readonly sendAt: string;
  readonly amount: string;
  readonly description: string;
  readonly payee: string | null;
  readonly transactionType: string;
}
