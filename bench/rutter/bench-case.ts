import type { PrintLine } from '../../scripts/local/local-failure.js';
import type { Fixture } from '../fixture.js';

/** What a figure must not exceed (or fall below) to pass. */
export interface Mark {
  readonly kind: 'at_most' | 'at_least' | 'exactly';
  readonly value: number;
}

/** One line of the table: a measured value, and the mark where there is one. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  /** Empty for a plain count or a ratio. */
  readonly unit: string;
  /** Digits after the point in the table; 0 unless given. */
  readonly digits?: number;
  readonly mark?: Mark;
  /** Spread, the other side's value and the like. */
  readonly note?: string;
}

export interface CaseResult {
  readonly figures: readonly Figure[];
  /** What the checker found: lost, doubled or disordered postings, breaches of the contract. Empty = a valid run. */
  readonly faults: readonly string[];
}

export interface CaseContext {
  readonly fixture: Fixture;
  readonly printLine: PrintLine;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
}

export interface BenchCase {
  readonly name: string;
  /** One sentence for `--help` and over the case's figures. */
  readonly about: string;
  run(context: CaseContext): Promise<CaseResult>;
}

/** Whether the value reaches its mark; undefined when there is none. */
export function passes(figure: Figure): boolean | undefined {
  if (figure.mark === undefined) return undefined;
  switch (figure.mark.kind) {
    case 'at_most':
      return figure.value <= figure.mark.value;
    case 'at_least':
      return figure.value >= figure.mark.value;
    case 'exactly':
      return figure.value === figure.mark.value;
    default:
      throw new Error('unknown kind of mark');
  }
}
