import { describe, expect, it } from 'vitest';
import { observedFetch } from '../../src/clients/http/observed-fetch.js';
import { readDatabaseCause } from '../../src/db/unavailable.js';
import {
  createAvailability,
  forgottenMs,
  quietMs,
  repeatReportMs,
  type PartName,
} from '../../src/domain/availability.js';
import { readTemporalCause } from '../../src/temporal/cause.js';

function follow(part: PartName = 'database') {
  let nowMs = 1_000_000;
  const lines: string[] = [];
  const availability = createAvailability({
    part,
    nowMs: () => nowMs,
    reporter: {
      unavailable: ({ code, text }) => lines.push(`${code} ${text}`),
      availableAgain: ({ code, forMs }) => lines.push(`again ${code} ${String(forMs)}`),
    },
  });
  return { availability, lines, pass: (ms: number) => (nowMs += ms) };
}

describe('the availability of a part', () => {
  it('reports a cause once, however often calls fail, and its end once', () => {
    const { availability, lines, pass } = follow();
    for (let call = 0; call < 100; call += 1) availability.failed({ code: '53300', text: 'too many' });
    expect(lines).toEqual(['53300 too many']);
    pass(quietMs);
    for (let call = 0; call < 10; call += 1) availability.succeeded();
    expect(lines).toEqual(['53300 too many', `again 53300 ${String(quietMs)}`]);
    expect(availability.current()).toBeNull();
  });

  it('reports each change of cause, and keeps since when calls fail', () => {
    const { availability, lines, pass } = follow();
    availability.failed({ code: '57P01', text: 'terminating' });
    pass(500);
    availability.failed({ code: 'ECONNREFUSED', text: 'connect' });
    pass(500);
    availability.failed({ code: '57P03', text: 'starting up' });
    expect(lines).toEqual(['57P01 terminating', 'ECONNREFUSED connect', '57P03 starting up']);
    expect(availability.current()).toEqual({ code: '57P03', text: 'starting up', sinceMs: 1_000_000 });
  });

  it('takes a text with another port or process id for the same cause', () => {
    const { availability, lines } = follow();
    availability.failed({ code: 'ECONNREFUSED', text: 'connect 127.0.0.1:5432' });
    availability.failed({ code: 'ECONNREFUSED', text: 'connect 127.0.0.1:6543' });
    expect(lines).toHaveLength(1);
  });

  it('does not end while every second call fails, and reports causes that take turns only once a minute', () => {
    const { availability, lines, pass } = follow();
    for (let call = 0; call < 50; call += 1) {
      availability.failed({ code: call % 2 === 0 ? 'a' : 'b', text: '' });
      pass(quietMs - 1);
      availability.succeeded();
      if (call === 8) expect(lines).toEqual(['a ', 'b ']);
    }
    const reports = Math.ceil((50 * quietMs) / repeatReportMs) * 2;
    expect(lines.length).toBeLessThanOrEqual(reports);
    expect(availability.current()).not.toBeNull();
  });

  it('ends after one success that came soon after the failure, though no other call follows', () => {
    const { availability, lines, pass } = follow('rutter');
    availability.failed({ code: '500', text: 'HTTP 500' });
    pass(1);
    availability.succeeded();
    pass(quietMs - 2);
    expect(availability.current()?.code).toBe('500');
    pass(1);
    expect(availability.current()).toBeNull();
    expect(lines).toEqual(['500 HTTP 500', `again 500 ${String(quietMs)}`]);
  });

  it('is forgotten when the part is not called again, and reported again when it fails later', () => {
    const { availability, lines, pass } = follow('rutter');
    availability.failed({ code: '500', text: 'HTTP 500' });
    pass(forgottenMs - 1);
    expect(availability.current()?.code).toBe('500');
    pass(1);
    expect(availability.current()).toBeNull();
    availability.failed({ code: '500', text: 'HTTP 500' });
    expect(availability.current()?.sinceMs).toBe(1_000_000 + forgottenMs);
    expect(lines).toHaveLength(3);
  });
});

describe('causes', () => {
  it('of PostgreSQL have its SQLSTATE and primary message, and nothing of the detail', () => {
    const error = Object.assign(new Error('sorry, too many clients already'), {
      code: '53300',
      detail: 'Key (number)=(DE89…)',
    });
    expect(readDatabaseCause(error)).toEqual({ code: '53300', text: 'sorry, too many clients already' });
    expect(readDatabaseCause(new Error('Query read timeout'))?.code).toBe('no_answer');
    expect(readDatabaseCause(new Error('Connection terminated unexpectedly'))?.code).toBe('connection_lost');
    expect(readDatabaseCause(Object.assign(new Error('x'), { code: '23505' }))).toBeNull();
    const refused = (port: number) =>
      Object.assign(new Error(`connect ECONNREFUSED ::1:${String(port)}`), { code: 'ECONNREFUSED' });
    expect(readDatabaseCause(new AggregateError([refused(1), refused(1)]))).toEqual({
      code: 'ECONNREFUSED',
      text: 'connect ECONNREFUSED ::1:1',
    });
  });

  it('of Temporal have its gRPC code, however deeply it is wrapped', () => {
    const grpc = Object.assign(new Error('14 UNAVAILABLE: x'), {
      code: 14,
      details: 'No connection established',
    });
    const wrapped = new Error('ours', { cause: new Error('the client’s', { cause: grpc }) });
    expect(readTemporalCause(wrapped)).toEqual({ code: 'UNAVAILABLE', text: 'No connection established' });
    expect(readTemporalCause(Object.assign(new Error('x'), { code: 99 })).code).toBe('other');
    expect(readTemporalCause('text')).toEqual({ code: 'other', text: 'unknown' });
  });

  it.each([
    [200, null],
    [404, null],
    [401, null],
    [429, '429'],
    [450, '450'],
    [500, '500'],
    [302, null],
    [301, '301'],
  ])('of a provider: an answer with %i is %s', async (status, code) => {
    const { availability } = follow('rutter');
    const answering = observedFetch(() => Promise.resolve(new Response(null, { status })), availability);
    expect((await answering('https://rutter.test/accounts?access_token=secret')).status).toBe(status);
    expect(availability.current()?.code ?? null).toBe(code);
    expect(JSON.stringify(availability.current())).not.toContain('secret');
  });

  it('of a provider that does not answer have the code of the system, a time-out, or that the connection was lost', async () => {
    const codes: (string | undefined)[] = [];
    const refused = Object.assign(new Error('connect'), { code: 'ECONNREFUSED', syscall: 'connect' });
    for (const error of [
      new TypeError('fetch failed', { cause: refused }),
      new TypeError('fetch failed', {
        cause: Object.assign(new Error('reset'), { code: 'ECONNRESET', syscall: 'read' }),
      }),
      new DOMException('timeout', 'TimeoutError'),
      new DOMException('aborted', 'AbortError'),
    ]) {
      const { availability } = follow('rutter');
      const failing = observedFetch(() => Promise.reject(error), availability);
      await expect(failing('https://rutter.test')).rejects.toBe(error);
      codes.push(availability.current()?.code);
    }
    expect(codes).toEqual(['ECONNREFUSED', 'connection_lost', 'no_answer', undefined]);
  });
});
