import { describe, expect, it } from 'vitest';
import { compareMarks, parseDatabaseMark, printDatabaseMark } from '../../src/domain/database-mark.js';

const databaseId = '7c0c5a0e-6a4f-4a55-9d3e-0b7a1f2f9b11';
const markedAt = '2026-11-30T11:15:24.123Z';
const temporal = (mark: number) => ({ databaseId, mark, markedAt });

describe('the mark in the note of its Schedule', () => {
  it('is read as it was written', () => {
    expect(parseDatabaseMark(printDatabaseMark(temporal(160)))).toEqual(temporal(160));
  });

  it.each([
    '',
    'during the move',
    'mark x of database y at z;',
    `mark 1 of database ${databaseId} at yesterday; …`,
    `mark 1 of database ${databaseId} at `,
    `mark -1 of database ${databaseId} at ${markedAt};`,
  ])('is none when the note says %j', (note) => {
    expect(parseDatabaseMark(note)).toBeNull();
  });
});

describe('the comparison of both marks', () => {
  it.each([
    ['at the first start', { mark: 0, writtenMark: null }, null, 'in_step'],
    ['with the same mark', { mark: 7, writtenMark: 7 }, temporal(7), 'in_step'],
    ['while the newest is not written yet', { mark: 8, writtenMark: 7 }, temporal(7), 'in_step'],
    ['while another process has just written one', { mark: 8, writtenMark: 7 }, temporal(8), 'in_step'],
    [
      'after Temporal took one whose acceptance was lost',
      { mark: 1, writtenMark: null },
      temporal(1),
      'in_step',
    ],
    ['with a restored database', { mark: 7, writtenMark: 7 }, temporal(8), 'database_older'],
    [
      'with a database restored to its first minute',
      { mark: 0, writtenMark: null },
      temporal(1),
      'database_older',
    ],
    ['with an empty Temporal', { mark: 7, writtenMark: 7 }, null, 'temporal_older'],
    ['with a restored Temporal', { mark: 7, writtenMark: 7 }, temporal(6), 'temporal_older'],
  ] as const)('%s', (_, database, mark, expected) => {
    expect(compareMarks({ databaseId, ...database }, mark)).toBe(expected);
  });

  it('concludes nothing from the mark of another database, whatever its number', () => {
    const other = { ...temporal(99), databaseId: '11111111-6a4f-4a55-9d3e-0b7a1f2f9b11' };
    expect(compareMarks({ databaseId, mark: 1, writtenMark: 1 }, other)).toBe('other_database');
    expect(compareMarks({ databaseId, mark: 200, writtenMark: 200 }, other)).toBe('other_database');
  });
});
