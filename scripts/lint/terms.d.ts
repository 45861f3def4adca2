export interface RetiredTerm {
  /** Where in the text, counted in characters from 0. */
  readonly index: number;
  /** The retired term as it is written there. */
  readonly found: string;
  /** The terms to use instead. */
  readonly use: string;
}

export declare function findRetiredTerms(text: string): RetiredTerm[];
