import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { CommanderError } from 'commander';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createApiClient } from '../../src/cli/api-client.js';
import type { CommandContext } from '../../src/cli/command-context.js';
import { createProgram, exitCodeOfParsing } from '../../src/cli/program.js';
import { createTerminal } from '../../src/cli/terminal.js';

/*
 * The remote commands against an API of one page: what is asked, what is printed, and which exit code a refusal has.
 */

let server: Server;
let url: string;
let answer: (path: string) => { status: number; body: unknown; location?: string };
const asked: { path: string; authorization: string | undefined }[] = [];

beforeAll(async () => {
  server = createServer((request, response) => {
    asked.push({ path: request.url ?? '', authorization: request.headers.authorization });
    const { status, body, location } = answer(request.url ?? '');
    if (location !== undefined) response.setHeader('location', location);
    response.statusCode = status;
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
});
afterAll(() => server.close());

async function run(args: string[], apiUrl = url) {
  const stdout: string[] = [];
  const stderr: string[] = [];
  const terminal = createTerminal({
    stdout: { write: (text) => stdout.push(text) },
    stderr: { write: (text) => stderr.push(text) },
    environment: {},
  });
  const context: CommandContext = {
    terminal,
    environment: async () => ({ variables: {}, localFile: null }),
    api: async () => createApiClient({ url: apiUrl, token: 'token-of-operators' }),
    exitWith: () => undefined,
  };
  const error = await createProgram({ version: '9.9.9', context, local: [] })
    .parseAsync(args, { from: 'user' })
    .then(
      () => null,
      (thrown: unknown) => thrown,
    );
  return { stdout: stdout.join(''), stderr: stderr.join(''), error };
}

const feed = (id: string) => ({
  feed_id: id,
  customer_id: 'c-1',
  account_id: null,
  channel: 'sage-banking',
  state: 'live',
  reason: null,
  degraded: id === 'f-2' ? { since: '2026-02-03T09:00:00.000Z', cause: 'x' } : null,
  last_synced_at: null,
  more: 'fields',
});

describe('bankfeeds feed list', () => {
  test('asks with the token and the filters, follows the cursor, and prints one line a feed', async () => {
    asked.length = 0;
    answer = (path) => ({
      status: 200,
      body: path.includes('cursor=two')
        ? { feeds: [feed('f-2')], next_cursor: null }
        : { feeds: [feed('f-1')], next_cursor: 'two' },
    });
    const { stdout, stderr } = await run([
      'feed',
      'list',
      '--state',
      'live',
      '--degraded',
      '--customer',
      'c 1&x',
    ]);
    expect(asked).toEqual([
      {
        path: '/v1/feeds?state=live&degraded=true&customer_id=c+1%26x&limit=50',
        authorization: 'Bearer token-of-operators',
      },
      {
        path: '/v1/feeds?state=live&degraded=true&customer_id=c+1%26x&limit=49&cursor=two',
        authorization: 'Bearer token-of-operators',
      },
    ]);
    expect(stdout.split('\n')).toEqual([
      'FEED  CUSTOMER  ACCOUNT  CHANNEL       STATE  REASON  DEGRADED SINCE            LAST SYNC',
      'f-1   c-1       -        sage-banking  live   -       -                         -',
      'f-2   c-1       -        sage-banking  live   -       2026-02-03T09:00:00.000Z  -',
      '',
    ]);
    expect(stderr).toBe('');
  });

  test('says that more feeds match than it shows, on stderr; with --json in the document', async () => {
    answer = () => ({ status: 200, body: { feeds: [feed('f-1')], next_cursor: 'two' } });
    expect((await run(['feed', 'list', '--limit', '1'])).stderr).toContain('More feeds match');
    const { stdout, stderr } = await run(['feed', 'list', '--limit', '1', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ feeds: [{ feed_id: 'f-1', more: 'fields' }], more: true });
    expect(stderr).toBe('');
  });

  test.each([
    [401, 77],
    [403, 77],
    [400, 1],
    [429, 69],
    [503, 69],
  ])('an answer of %i ends with exit code %i and what the API says', async (status, exitCode) => {
    answer = () => ({ status, body: { title: 'No', detail: 'because of this' } });
    const { error } = await run(['feed', 'list']);
    expect(error).toMatchObject({ exitCode, message: `The API answered ${String(status)}: because of this` });
  });

  test('a redirect is not followed: the token is for this origin only', async () => {
    asked.length = 0;
    answer = () => ({ status: 302, body: '', location: 'http://127.0.0.1:1/elsewhere' });
    expect((await run(['feed', 'list'])).error).toMatchObject({ exitCode: 1 });
    expect(asked).toHaveLength(1);
  });

  test('an answer in another form is no result', async () => {
    answer = () => ({ status: 200, body: '<html>' });
    expect((await run(['feed', 'list'])).error).toMatchObject({ exitCode: 1 });
  });

  test('an API that is away ends with 69 and names its address', async () => {
    const { error } = await run(['feed', 'list'], 'http://127.0.0.1:1');
    expect(error).toMatchObject({ exitCode: 69, message: expect.stringContaining('http://127.0.0.1:1') });
  });

  test.each([['0'], ['x'], ['10001'], ['1.5']])('a limit of %s is wrong usage', async (limit) => {
    const { error } = await run(['feed', 'list', '--limit', limit]);
    expect(exitCodeOfParsing(error as CommanderError)).toBe(2);
  });
});

describe('the command line', () => {
  test.each([
    [['nothing'], 2],
    [['feed', 'list', '--unknown'], 2],
    [['feed', 'list', 'too', 'many'], 2],
    [['feed'], 2],
    [['--help'], 0],
    [['feed', 'list', '--help'], 0],
    [['--version'], 0],
  ])('%j ends with exit code %i', async (args, exitCode) => {
    const { error } = await run(args);
    expect(exitCodeOfParsing(error as CommanderError)).toBe(exitCode);
  });

  test('--version prints the version, and errors go to stderr', async () => {
    expect(await run(['--version'])).toMatchObject({ stdout: '9.9.9\n', stderr: '' });
    expect(await run(['nothing'])).toMatchObject({
      stdout: '',
      stderr: expect.stringContaining('unknown command'),
    });
  });
});
