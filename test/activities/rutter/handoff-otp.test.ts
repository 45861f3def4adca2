import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { dbExpireHandoff } from '../../../src/activities/rutter/handoff/expire-handoff.js';
import { rutterCreateOtp } from '../../../src/activities/rutter/handoff/create-otp.js';
import { rutterEnsureHandoffConnection } from '../../../src/activities/rutter/handoff/ensure-handoff-connection.js';
import { createRutterClient } from '../../../src/clients/rutter/client.js';
import { open } from '../../../src/crypto/seal.js';
import { readConnection } from '../../../src/db/connections.js';
import { takeHandoffAnswer } from '../../../src/db/rutter/handoffs.js';
import { requestUnlink } from '../../../src/db/rutter/unlink-connection.js';
import { transaction } from '../../../src/db/pool.js';
import { sandboxCredentials } from '../../support/rutter/delivery-fixture.js';
import {
  createHandoffFixture,
  type Customer,
  type HandoffFixture,
  type SharedHandoff,
} from '../../support/rutter/handoff-fixture.js';
import { until } from '../../support/until.js';

let fixture: HandoffFixture;
let customer: Customer;
let connectionId: string;

beforeAll(async () => {
  fixture = await createHandoffFixture();
});
afterAll(async () => {
  await fixture.close();
});
beforeEach(async () => {
  customer = await fixture.makeCustomer();
  const result = await fixture.attempt(rutterEnsureHandoffConnection, await fixture.share(customer));
  if (result.outcome !== 'claimed') throw new Error('no connection');
  connectionId = result.connectionId;
});
afterEach(async () => {
  await fixture.control('DELETE', '/faults');
  await fixture.control('POST', '/knobs', { nullRedirectUri: false });
  await fixture.control('POST', '/organisations/revoke', { revoked: false });
  expect((await fixture.violations()).violations).toEqual([]);
});

const otpPost = { method: 'POST', path: 'bank_feeds/otp' };
const otpLatestMs = 570_000;

/** A handoff that holds the connection and whose browser first arrived `ageMs` ago. */
async function claimHandoff(ageMs = 0): Promise<SharedHandoff> {
  const handoff = await fixture.share(customer, { connectionId });
  const result = await fixture.attempt(rutterEnsureHandoffConnection, handoff);
  if (result.outcome !== 'claimed') throw new Error('not claimed');
  await fixture.pool.query(
    `UPDATE handoffs SET first_seen_at = first_seen_at - $2::float8 * interval '1 millisecond',
            deadline_at = deadline_at - $2::float8 * interval '1 millisecond' WHERE handoff_id = $1`,
    [handoff.handoffId, ageMs],
  );
  return handoff;
}

async function takeAnswer(
  { handoffId }: SharedHandoff,
  customerId = customer.customerId,
): Promise<string | null> {
  const taken = await transaction(fixture.pool, (db) => takeHandoffAnswer(db, { handoffId, customerId }));
  return taken === null
    ? null
    : open(fixture.deps.keyring, taken.answerSealed, { table: 'handoffs', row: handoffId });
}

const otpRequests = async () => (await fixture.requests('POST', '/otp')).length;

describe('the one-time password', () => {
  it('yields a redirect with the unchanged challenge that Rutter accepts, sealed until it is taken', async () => {
    const handoff = await claimHandoff();
    expect(await fixture.attempt(rutterCreateOtp, handoff)).toEqual({ outcome: 'ready' });
    const { rows } = await fixture.pool.query(`SELECT * FROM handoffs WHERE handoff_id = $1`, [
      handoff.handoffId,
    ]);
    const { answer } = await fixture.handoff(handoff.handoffId);
    const address = new URL(answer ?? '');
    expect([...address.searchParams.keys()]).toEqual(['challenge', 'otp']);
    expect(address.searchParams.get('challenge')).toBe(handoff.challenge);
    expect(`${address.origin}${address.pathname}`).toBe(`${fixture.sandbox.url}/sage_redirect`);
    expect(JSON.stringify(rows)).not.toContain(address.searchParams.get('otp'));
    expect(JSON.stringify(rows)).not.toContain(handoff.challenge);
    expect(await fixture.follow((await takeAnswer(handoff)) ?? '')).toBe(302);
  });

  it('is requested once: a repeat after the answer was stored sends nothing', async () => {
    const handoff = await claimHandoff();
    await fixture.attempt(rutterCreateOtp, handoff);
    const requested = await otpRequests();
    const { answer } = await fixture.handoff(handoff.handoffId);
    expect(await fixture.attempt(rutterCreateOtp, handoff)).toEqual({ outcome: 'ready' });
    expect(await otpRequests()).toBe(requested);
    expect((await fixture.handoff(handoff.handoffId)).answer).toBe(answer);
  });

  it('is not requested for a connection that is to be unlinked since it was chosen', async () => {
    const handoff = await claimHandoff();
    await requestUnlink(fixture.pool, { connectionId });
    const requested = await otpRequests();
    expect(await fixture.attempt(rutterCreateOtp, handoff)).toEqual({
      outcome: 'refused',
      reason: 'connection_unavailable',
    });
    expect(await otpRequests()).toBe(requested);
  });

  for (const fault of [
    { kind: 'reset_after_effect', point: 'before_any_byte' },
    { kind: 'reset_after_effect', point: 'after_headers' },
    { kind: 'server_error_after_effect' },
    { kind: 'malformed_body', shape: 'html' },
    { kind: 'rate_limited' },
    { kind: 'server_error_before_effect', recorded: true },
  ]) {
    it(`still links when its first answer is lost (${Object.values(fault).join(', ')})`, async () => {
      const handoff = await claimHandoff();
      await fixture.fault({ ...fault, match: otpPost });
      expect(await fixture.attemptUntilDone(rutterCreateOtp, handoff)).toEqual({ outcome: 'ready' });
      expect(await fixture.follow((await takeAnswer(handoff)) ?? '')).toBe(302);
    });
  }

  it('still links when the process crashes between the answer and our commit', async () => {
    const handoff = await claimHandoff();
    const { rutter } = fixture.deps;
    const crashing = {
      ...rutter,
      createOtp: async (input: Parameters<typeof rutter.createOtp>[0]) => {
        await rutter.createOtp(input);
        throw new Error('killed');
      },
    };
    await expect(fixture.attempt(rutterCreateOtp, handoff, { rutter: crashing })).rejects.toThrow();
    expect(await fixture.attempt(rutterCreateOtp, handoff)).toEqual({ outcome: 'ready' });
    expect(await fixture.follow((await takeAnswer(handoff)) ?? '')).toBe(302);
  });
});

describe('the redirect of the browser', () => {
  it('is the validated address when Rutter answers without one', async () => {
    await fixture.control('POST', '/knobs', { nullRedirectUri: true });
    const handoff = await claimHandoff();
    await fixture.attempt(rutterCreateOtp, handoff);
    expect(await fixture.follow((await takeAnswer(handoff)) ?? '')).toBe(302);
  });

  for (const foreign of [
    'https://link.rutterapi.com.evil.example/sage_redirect',
    'https://link.rutterapi.com@evil.example/sage_redirect',
    'javascript:alert(1)',
    'https://link.rutterapi.com/sage_redirect?challenge=other',
  ]) {
    it(`is never an address in the answer of Rutter that fails our own validation (${foreign})`, async () => {
      const handoff = await claimHandoff();
      await fixture.fault({
        kind: 'rewrite_body',
        find: `${fixture.sandbox.url}/sage_redirect`,
        replace: foreign,
        match: otpPost,
      });
      await fixture.attempt(rutterCreateOtp, handoff);
      const address = (await takeAnswer(handoff)) ?? '';
      expect(
        address.startsWith(`${fixture.sandbox.url}/sage_redirect?challenge=${handoff.challenge}&otp=`),
      ).toBe(true);
    });
  }

  it('is refused, and no password is requested, when its origin is no longer configured', async () => {
    const handoff = await claimHandoff();
    const requested = await otpRequests();
    const settings = { ...fixture.deps.settings, redirectOrigins: ['https://link.rutterapi.com'] };
    expect(await fixture.attempt(rutterCreateOtp, handoff, { settings })).toEqual({
      outcome: 'refused',
      reason: 'redirect_refused',
    });
    expect(await otpRequests()).toBe(requested);
  });
});

describe('the deadline', () => {
  it('allows a password one second before it', async () => {
    const handoff = await claimHandoff(otpLatestMs - 1_000);
    expect(await fixture.attempt(rutterCreateOtp, handoff)).toEqual({ outcome: 'ready' });
  });

  it('allows no request one second after it', async () => {
    const handoff = await claimHandoff(otpLatestMs + 1_000);
    const requested = await otpRequests();
    expect(await fixture.attempt(rutterCreateOtp, handoff)).toEqual({ outcome: 'too_late' });
    expect(await otpRequests()).toBe(requested);
  });

  it('is that of HANDOFF_OTP_LATEST when this is earlier', async () => {
    const handoff = await claimHandoff(61_000);
    const settings = { ...fixture.deps.settings, handoffOtpLatestMs: 60_000 };
    const requested = await otpRequests();
    expect(await fixture.attempt(rutterCreateOtp, handoff, { settings })).toEqual({ outcome: 'too_late' });
    expect(await otpRequests()).toBe(requested);
  });

  it('allows no request when the turn of the limiter comes too late', async () => {
    const handoff = await claimHandoff(otpLatestMs - 300);
    const rutter = createRutterClient({
      baseUrl: fixture.sandbox.apiUrl,
      ...sandboxCredentials,
      version: '2024-08-31',
      limiter: { acquire: () => delay(600), slowDown: () => Promise.resolve() },
    });
    const requested = await otpRequests();
    expect(await fixture.attempt(rutterCreateOtp, handoff, { rutter })).toEqual({ outcome: 'too_late' });
    expect(await otpRequests()).toBe(requested);
  });

  it('keeps an answer that arrives after it out of the row', async () => {
    const handoff = await claimHandoff(otpLatestMs - 300);
    await fixture.fault({ kind: 'slow', delay_ms: 1_500, match: otpPost });
    expect(await fixture.attempt(rutterCreateOtp, handoff)).toEqual({ outcome: 'too_late' });
    expect(await fixture.handoff(handoff.handoffId)).toMatchObject({ state: 'sharing', answer: null });
  });

  it('clears an answer that was not taken', async () => {
    const handoff = await claimHandoff();
    await fixture.attempt(rutterCreateOtp, handoff);
    const { handoffId } = handoff;
    expect(await fixture.attempt(dbExpireHandoff, { handoffId, reason: null })).toEqual({ state: 'expired' });
    expect(await fixture.handoff(handoffId)).toMatchObject({ state: 'expired', answer: null });
    expect(await takeAnswer(handoff)).toBeNull();
  });

  it('returns no answer after it, even if the answer is not cleared yet', async () => {
    const handoff = await claimHandoff(otpLatestMs - 500);
    expect(await fixture.attempt(rutterCreateOtp, handoff)).toEqual({ outcome: 'ready' });
    await until(async () => (await fixture.handoff(handoff.handoffId)).remainingMs < 0, {
      timeoutMs: 5_000,
      describe: 'the deadline has passed',
    });
    expect(await takeAnswer(handoff)).toBeNull();
  });
});

describe('the answer', () => {
  it('is taken once, by its own customer, and recorded in the timeline', async () => {
    const handoff = await claimHandoff();
    await fixture.attempt(rutterCreateOtp, handoff);
    expect(await takeAnswer(handoff, (await fixture.makeCustomer()).customerId)).toBeNull();
    const answers = await Promise.all([takeAnswer(handoff), takeAnswer(handoff), takeAnswer(handoff)]);
    expect(answers.filter((answer) => answer !== null)).toHaveLength(1);
    expect(await fixture.handoff(handoff.handoffId)).toMatchObject({ state: 'taken', answer: null });
    const { rows } = await fixture.pool.query(
      `SELECT connection_id FROM timeline WHERE kind = 'handoff_completed' AND customer_id = $1`,
      [customer.customerId],
    );
    expect(rows).toEqual([{ connection_id: connectionId }]);
    expect(await fixture.attempt(dbExpireHandoff, { handoffId: handoff.handoffId, reason: null })).toEqual({
      state: 'taken',
    });
  });

  it('is cleared for a handoff whose connection a newer one has chosen, and only the newer one links', async () => {
    const older = await claimHandoff();
    await fixture.attempt(rutterCreateOtp, older);
    const newer = await claimHandoff();
    expect(await fixture.handoff(older.handoffId)).toMatchObject({ state: 'superseded', answer: null });
    expect(await fixture.attempt(rutterCreateOtp, older)).toEqual({ outcome: 'over', state: 'superseded' });
    await fixture.attempt(rutterCreateOtp, newer);
    expect(await takeAnswer(older)).toBeNull();
    expect(await fixture.follow((await takeAnswer(newer)) ?? '')).toBe(302);
  });

  it('of a newer handoff is not cancelled by a late request of an older one', async () => {
    const older = await claimHandoff();
    const { rutter } = fixture.deps;
    let markStarted = (): void => undefined;
    const started = new Promise<void>((resolve) => {
      markStarted = resolve;
    });
    const slow = {
      ...rutter,
      createOtp: async (input: Parameters<typeof rutter.createOtp>[0]) => {
        markStarted();
        await delay(700);
        return await rutter.createOtp(input);
      },
    };
    const running = fixture.attempt(rutterCreateOtp, older, { rutter: slow });
    await started;
    const newer = await claimHandoff();
    const [before, after] = await Promise.all([running, fixture.attempt(rutterCreateOtp, newer)]);
    expect(before).toEqual({ outcome: 'over', state: 'superseded' });
    expect(after).toEqual({ outcome: 'ready' });
    expect(await fixture.follow((await takeAnswer(newer)) ?? '')).toBe(302);
  });
});

describe('a refusal', () => {
  const rutterId = async () =>
    (await readConnection(fixture.pool, { connectionId }))?.rutterConnectionId ?? '';
  const statusOf = async () => (await readConnection(fixture.pool, { connectionId }))?.status;

  it('of the connection ends the handoff, marks the connection and wakes its workflow', async () => {
    const handoff = await claimHandoff();
    await fixture.control('POST', `/connections/${await rutterId()}/status`, { status: 'needs_reauth' });
    await expect(fixture.attempt(rutterCreateOtp, handoff)).rejects.toMatchObject({
      type: 'ConnectionRefused',
      nonRetryable: true,
      details: [{ errorCode: 'NEEDS_UPDATE' }],
    });
    expect(await statusOf()).toBe('refused');
    expect(fixture.woken).toContain(`wake ${connectionId}`);
  });

  it('of our own credentials does not mark the connection of the customer', async () => {
    const handoff = await claimHandoff();
    await fixture.control('POST', '/organisations/revoke', { revoked: true });
    await expect(fixture.attempt(rutterCreateOtp, handoff)).rejects.toMatchObject({
      type: 'CredentialsRejected',
    });
    expect(await statusOf()).toBe('ok');
    expect((await fixture.pool.query(`DELETE FROM rejected_credentials RETURNING provider`)).rows).toEqual([
      { provider: 'rutter' },
    ]);
  });

  it('of a revoked token marks only the connection', async () => {
    const handoff = await claimHandoff();
    await fixture.control('POST', `/connections/${await rutterId()}/token`, { revoked: true });
    await expect(fixture.attempt(rutterCreateOtp, handoff)).rejects.toMatchObject({
      type: 'ConnectionRefused',
    });
    expect(await statusOf()).toBe('refused');
  });
});
