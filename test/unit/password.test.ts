import { describe, expect, it } from 'vitest';
import { HasherBusy, createPasswordHasher, passwordProblem } from '../../src/crypto/password.js';

describe('the password hasher', () => {
  const hasher = createPasswordHasher({ concurrencyMax: 2, queueMax: 8 });

  it('creates Argon2id hashes with 19 MiB, two passes and a separate salt each', async () => {
    const [one, other] = await Promise.all([hasher.hash('correct horse'), hasher.hash('correct horse')]);
    expect(one).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    expect(one).not.toBe(other);
  });

  it('accepts the right password only, and none without a stored hash', async () => {
    const passwordHash = await hasher.hash('correct horse');
    expect(await hasher.verify({ password: 'correct horse', passwordHash })).toBe(true);
    expect(await hasher.verify({ password: 'correct horsE', passwordHash })).toBe(false);
    expect(await hasher.verify({ password: 'nobody has this password', passwordHash: null })).toBe(false);
  });

  it('rejects callers beyond its queue, and serves all that it accepted', async () => {
    const small = createPasswordHasher({ concurrencyMax: 1, queueMax: 2 });
    const outcomes = await Promise.allSettled(Array.from({ length: 6 }, () => small.hash('correct horse')));
    expect(outcomes.map((outcome) => outcome.status)).toEqual([
      'fulfilled',
      'fulfilled',
      'fulfilled',
      'rejected',
      'rejected',
      'rejected',
    ]);
    for (const outcome of outcomes.slice(3)) {
      expect(outcome.status === 'rejected' && outcome.reason).toBeInstanceOf(HasherBusy);
    }
    await expect(small.hash('correct horse')).resolves.toMatch(/^\$argon2id/);
  });
});

describe('a new password', () => {
  it.each([
    ['short', 'too_short'],
    ['\u{1F600}'.repeat(7), 'too_short'],
    ['x'.repeat(257), 'too_long'],
    ['Password123', 'too_common'],
    ['ANNA.example', 'is_the_username'],
    ['abcdefgh\ud800', 'broken_text'],
    ['\u{1F600}'.repeat(8), null],
    ['x'.repeat(256), null],
    ['correct horse', null],
  ])('%j: %s', (password, problem) => {
    expect(passwordProblem({ password, username: 'anna.example' })).toBe(problem);
  });
});
