const types = ['feat', 'fix', 'refactor', 'perf', 'test', 'docs', 'build', 'ci', 'chore'];
const pattern = new RegExp(`^(${types.join('|')})(\\([a-z0-9-]+(, ?[a-z0-9-]+)*\\))?!?: (.+)$`);
const subjectMax = 120;

/** What is wrong with the first line of a commit message, as one sentence; undefined if it is in order. */
export function messageProblem(subject: string): string | undefined {
  if (!pattern.test(subject)) {
    return `It must be "type(scope): summary" or "type: summary"; types are ${types.join(', ')}.`;
  }
  if (subject.length > subjectMax)
    return `It has ${String(subject.length)} characters: ${String(subjectMax)} at most.`;
  if (subject.endsWith('.')) return 'It must not end with a full stop.';
  return undefined;
}
