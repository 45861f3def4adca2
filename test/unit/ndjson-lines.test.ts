import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ndjsonLineBytesMax, ndjsonLines } from '../../src/api/ndjson-lines.js';

async function linesOf(chunks: Iterable<Buffer>): Promise<string[]> {
  const lines: string[] = [];
  async function* stream() {
    yield* chunks;
  }
  for await (const line of ndjsonLines(stream()))
    lines.push(typeof line === 'string' ? line : line.toString());
  return lines;
}

describe('lines of a stream', () => {
  it('do not depend on how the stream is split into chunks', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ unit: fc.constantFrom('a', '\n', '€', '\r', '{') })),
        fc.array(fc.nat(7), { minLength: 1 }),
        async (parts, sizes) => {
          const bytes = Buffer.from(parts.join(''), 'utf8');
          const chunks: Buffer[] = [];
          for (let start = 0, turn = 0; start < bytes.length; turn += 1) {
            const size = 1 + (sizes[turn % sizes.length] ?? 0);
            chunks.push(bytes.subarray(start, start + size));
            start += size;
          }
          const expected = bytes.toString('utf8').split('\n');
          if (expected.at(-1) === '') expected.pop();
          expect(await linesOf(chunks)).toEqual(expected);
        },
      ),
    );
  });

  it('discard a line that is too long, and continue after it', async () => {
    const chunk = Buffer.alloc(1_000, 'x');
    const long = Array.from({ length: 1 + Math.ceil(ndjsonLineBytesMax / chunk.length) }, () => chunk);
    expect(await linesOf([Buffer.from('a\n'), ...long, Buffer.from('\nb\n'), ...long])).toEqual([
      'a',
      'too_long',
      'b',
      'too_long',
    ]);
    expect(await linesOf([Buffer.alloc(ndjsonLineBytesMax, 'x')])).toEqual(['x'.repeat(ndjsonLineBytesMax)]);
  });
});
