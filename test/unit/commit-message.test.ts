import { expect, test } from 'vitest';
import { messageProblem } from '../../scripts/commit-message.js';

test.each([
  'feat(rutter): send postings by booking day',
  'fix: keep the cursor',
  'refactor(sage-banking)!: rename two tables',
])('a Conventional Commit passes: %s', (subject) => {
  expect(messageProblem(subject)).toBeUndefined();
});

test.each([
  ['Write down the finished soaks', 'type'],
  ['feature(rutter): send', 'type'],
  ['feat(Rutter): send', 'type'],
  ['style: sort the imports', 'type'],
  ['revert: keep the cursor', 'type'],
  ['fix : keep', 'type'],
  ['fix: keep the cursor.', 'full stop'],
  [`docs: ${'x'.repeat(120)}`, 'characters'],
])('any other message is refused with what is wrong: %s', (subject, problem) => {
  expect(messageProblem(subject)).toContain(problem);
});
