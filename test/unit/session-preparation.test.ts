import type pg from 'pg';
import { expect, test } from 'vitest';
import { sessionPreparation } from '../../src/db/connection.js';
import { DatabaseRefused, sessionSettings } from '../../src/db/session-settings.js';

/** A connection without a pooler whose settings are answered by process `announced + offset`, for the first `wrongTimes`. */
function clientWith(wrongTimes: number) {
  const announced = 41;
  let settings = 0;
  const query = (text: string) => {
    if (!text.startsWith('SET')) return Promise.resolve({ rows: [{ pid: announced }] });
    settings += 1;
    const pid = settings > wrongTimes ? announced : announced + settings;
    const values = Object.entries({ ...sessionSettings, server_encoding: 'UTF8' });
    return Promise.resolve([{ rows: values.map(([name, setting]) => ({ name, setting, pid })) }]);
  };
  return { client: { processID: announced, query } as unknown as pg.ClientBase, times: () => settings };
}

test('a connection that another process of the server answers is prepared again, and refused at the third time', async () => {
  const once = clientWith(1);
  await sessionPreparation({})(once.client);
  expect(once.times()).toBe(2);
  const always = clientWith(Number.POSITIVE_INFINITY);
  await expect(sessionPreparation({})(always.client)).rejects.toThrow(DatabaseRefused);
  expect(always.times()).toBe(3);
});
