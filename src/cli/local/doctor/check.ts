/** `skipped`: it could not be checked, or does not apply; the detail says why. */
export type Outcome = 'ok' | 'warning' | 'failed' | 'skipped';

/** What a check found. `remedy` says what to do, and is there for `warning` and `failed`. */
export interface Finding {
  readonly outcome: Outcome;
  readonly detail: string;
  readonly remedy: string | null;
}

/** One check of `bankfeeds doctor`. */
export interface Check {
  /** Stable: programs and docs/operations/cli.md name it. */
  readonly id: string;
  /** Ends early when the signal is aborted; an unforeseen error is reported as a failed check. */
  run(signal: AbortSignal): Promise<Finding> | Finding;
}

export function ok(detail: string): Finding {
  return { outcome: 'ok', detail, remedy: null };
}

export function warning(detail: string, remedy: string): Finding {
  return { outcome: 'warning', detail, remedy };
}

export function failed(detail: string, remedy: string): Finding {
  return { outcome: 'failed', detail, remedy };
}

export function skipped(detail: string): Finding {
  return { outcome: 'skipped', detail, remedy: null };
}

/** The text of an error for a person: of several attempts, such as one per address, each once. */
export function textOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') {
    return [...new Set(error.errors.map(textOf))].join('; ');
  }
  if (!(error instanceof Error)) return String(error);
  const { code } = error as { code?: unknown };
  const text = error.message.split('\n')[0] ?? '';
  return typeof code === 'string' && !text.includes(code) ? `${text} (${code})` : text;
}
