/*
 * How the bad postings of a refused batch are found: by sending its head again in ever smaller batches. The plan counts
 * postings from the head and does not name them; late arrivals shift them, so the position of the bad one is a guess.
 * Progress is certain: a refused block of more than one is always followed by a smaller part of its head.
 */

export interface BisectionPlan {
  /** Postings of the refused batch that are still to be decided. */
  readonly left: number;
  /** Size of the innermost block, at the head, that is known to hold a bad one; 0 when none is. */
  readonly bad: number;
  /** A transaction id of ours that the refusal's message names. */
  readonly hint: string | null;
  /** Another posting of the refused batch was accepted since. */
  readonly accepted: boolean;
}

/**
 * How many of the next postings, in the order of delivery, the next batch may have: those before the one that was named,
 * or that one alone; else half of the block that holds a bad one; else what is left of the refused batch.
 */
export function nextPartSize(plan: BisectionPlan, transactionIds: readonly string[]): number {
  const named = plan.hint === null ? -1 : transactionIds.indexOf(plan.hint);
  if (named === 0) return 1;
  if (named > 0 && named < plan.bad) return named;
  if (plan.bad > 0) return Math.ceil(plan.bad / 2);
  return plan.left;
}

/**
 * The plan after a batch of more than one was refused. After a hint that led to another refusal the
 * block is halved: with a provider that names the wrong posting each time, hints would lead through all of them one by one.
 */
export function planAfterRefusal(
  plan: BisectionPlan | null,
  refused: { readonly size: number; readonly hint: string | null },
): BisectionPlan {
  const { size, hint } = refused;
  if (plan === null) return { left: size, bad: size, hint, accepted: false };
  return {
    left: Math.max(plan.left, size),
    bad: size,
    hint: plan.hint === null ? hint : null,
    accepted: plan.accepted,
  };
}

/**
 * The plan after a posting was refused alone: it is quarantined, so its block is no longer known to hold a bad one.
 * Null when it was the last one.
 */
export function planAfterRefusedAlone(plan: BisectionPlan): BisectionPlan | null {
  return plan.left <= 1 ? null : { ...plan, left: plan.left - 1, bad: 0, hint: null };
}

const wordCharacter = /[\p{L}\p{N}_-]/u;

/** The id that occurs in the text as a whole word; the longest of several, since a short one may occur by chance. */
export function namedTransaction(text: string | null, transactionIds: readonly string[]): string | null {
  if (text === null) return null;
  let named: string | null = null;
  for (const id of transactionIds) {
    if (id.length > (named?.length ?? 0) && isWholeWord(text, id)) named = id;
  }
  return named;
}

function isWholeWord(text: string, id: string): boolean {
  for (let at = text.indexOf(id); at >= 0; at = text.indexOf(id, at + 1)) {
    const before = text[at - 1] ?? ' ';
    const after = text[at + id.length] ?? ' ';
    if (!wordCharacter.test(before) && !wordCharacter.test(after)) return true;
  }
  return false;
}
