// The words that this project replaced by the standard terms of its field, and how a text is searched for them. They
// are refused in code, comments, strings, documents and file names: one concept has one term (CONTRIBUTING.md).

/** A retired word, in every form that it takes in prose and as a part of an identifier, and the terms to use instead. */
const retiredWords = [
  ['road|roads', 'channel'],
  ['lane|lanes', 'delivery lock, priority'],
  ['slice|slices|sliced', 'delivery run'],
  ['sweep|sweeps|sweeping|sweeper|swept', 'repair job'],
  ['nudge|nudges|nudged|nudging|nudger', 'wake, wake-up signal'],
  ['parked', 'blocked'],
  ['trouble|troubles|troubled', 'failure, transient failure'],
  ['told', 'recorded, reported, notified'],
  ['anew', 'again'],
  ['doubted', 'outcome unknown'],
  ['mutants|mutant', 'mutation, mutation test'],
  ['judge|judges|judged|judging', 'validate, check'],
  ['referee|referees|refereed', 'checker'],
  ['settle|settles|settled|settling', 'complete'],
].map(([forms, use]) => ({ forms: new Set(forms.split('|')), use }));

/** What one word alone does not show: phrases, and the codes that changed. */
const retiredPhrases = [
  [/\b[Hh]and-offs?\b|[Hh]andOff|hand_off/, 'handoff'],
  [/\bowed look/i, 'requested check'],
  [
    /\b(run|the|these|those|by|of|after|between|seeded|random|\d+) kills\b|\bkills of\b|\w_kills\b|[a-z]Kills\b/,
    'chaos test',
  ],
  [/\brefused_by_sage\b/, 'rejected_by_provider, link_rejected'],
  [/\broad_closed\b/, 'channel_disabled'],
  [/\borganisation_refused\b/, 'credentials_rejected'],
  [/\bpeer_unavailable\b/, 'provider_unavailable'],
  [/\bconflict_with_peer\b/, 'conflict_with_provider'],
  [/\bfeed_parked\b/, 'feed_blocked'],
  [/\btrouble_lasts\b/, 'failure_persists'],
  [/\btransactions_odd\b/, 'transactions_unrecognized'],
  [/\bfleet-sweep\b/, 'fleet-repair'],
  [/\bbankfeeds_sweep_age_seconds\b/, 'bankfeeds_repair_age_seconds'],
].map(([pattern, use]) => ({ pattern: new RegExp(pattern.source, `${pattern.flags}g`), use }));

/** Longer ones are cut; none is. */
const identifierMax = 300;

/** Any form anywhere in a text: few places remain to be examined, which keeps lint quick. */
const anyForm = new RegExp(retiredWords.flatMap(({ forms }) => [...forms]).join('|'), 'gi');

/** JavaScript's own names that contain a retired word: exactly these, nothing that is built from them. */
const standardNames = new Set(['allSettled', 'PromiseSettledResult']);

/**
 * Finds the retired terms in a text.
 *
 * @param {string} text source code, SQL, Markdown or a path
 * @returns {{ index: number, found: string, use: string }[]} each with its offset and the terms to use instead
 */
export function findRetiredTerms(text) {
  const findings = [];
  let examinedTo = 0;
  for (const match of text.matchAll(anyForm)) {
    if (match.index < examinedTo) continue;
    const { index, identifier } = identifierAt(text, match.index);
    examinedTo = index + identifier.length;
    if (/^\d/.test(identifier) || standardNames.has(identifier) || isSliceCall(text, index, identifier))
      continue;
    for (const part of partsOf(identifier)) {
      const retired = retiredWords.find(({ forms }) => forms.has(part));
      if (retired !== undefined) findings.push({ index, found: identifier, use: retired.use });
    }
  }
  for (const { pattern, use } of retiredPhrases)
    for (const match of text.matchAll(pattern)) findings.push({ index: match.index, found: match[0], use });
  return findings.sort((a, b) => a.index - b.index);
}

/** The identifier or word around an index; a number is none of either, so its letters are not examined. */
function identifierAt(text, at) {
  let index = at;
  while (index > 0 && isWordCharacter(text[index - 1])) index -= 1;
  const [identifier] = /^[\w$]+/.exec(text.slice(index, index + identifierMax)) ?? [''];
  return { index, identifier };
}

function isWordCharacter(character) {
  return /[\w$]/.test(character);
}

/** `.slice(` is the method of arrays and strings. */
function isSliceCall(text, index, identifier) {
  return identifier === 'slice' && text[index - 1] === '.' && text[index + identifier.length] === '(';
}

/** The words of an identifier, in lower case: `settleBatch`, `settle_batch` and `SETTLE_BATCH` have the same two. */
function partsOf(identifier) {
  return identifier
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/([A-Z]+)([A-Z][a-z])/g, '$1_$2')
    .toLowerCase()
    .split(/[_$]+/);
}

/** The lint rule: the whole text of a source file and its name. */
export const terms = {
  meta: {
    type: 'problem',
    schema: [],
    messages: { retired: "'{{found}}' is a retired term: use {{use}} (scripts/lint/terms.js)." },
  },
  create(context) {
    return {
      Program(node) {
        const { sourceCode, filename, cwd } = context;
        const path = filename.startsWith(cwd) ? filename.slice(cwd.length) : filename;
        for (const { found, use } of findRetiredTerms(path))
          context.report({ node, messageId: 'retired', data: { found, use } });
        for (const { index, found, use } of findRetiredTerms(sourceCode.text))
          context.report({
            loc: sourceCode.getLocFromIndex(index),
            messageId: 'retired',
            data: { found, use },
          });
      },
    };
  },
};
