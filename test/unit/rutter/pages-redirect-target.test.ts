import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { printRedirectTarget } from '../../../src/domain/rutter/redirect-target.js';
import { readLoginQuery } from '../../../src/pages/rutter/redirect-target.js';

const origin = 'https://link.rutterapi.com';
const allowedOrigins = [origin, 'https://link.example.test'];
const challenge = '9a4e77c0-1d3b-4f6e-8f0b-64d0c1a7be25';
const target = `${origin}/sage_redirect?challenge=${challenge}`;

const read = (rawQuery: string) => readLoginQuery({ rawQuery, allowedOrigins });
/** What a browser would be sent to; null when the link is refused. */
const sentTo = (rawQuery: string): string | null => {
  const query = read(rawQuery);
  return query.ok ? printRedirectTarget(query.target) : null;
};

describe('reading is lenient', () => {
  test.each([
    ['un-encoded inner query', `challenge=${challenge}&redirect_uri=${target}`],
    ['encoded inner address', `challenge=${challenge}&redirect_uri=${encodeURIComponent(target)}`],
    ['the other order', `redirect_uri=${target}&challenge=${challenge}`],
    ['only the inner query encoded', `challenge=${challenge}&redirect_uri=${target.replace('?', '%3F')}`],
    ['further parameters outside', `utm=1&challenge=${challenge}&x&redirect_uri=${target}&y=%zz&=`],
    [
      'further parameters inside',
      `challenge=${challenge}&redirect_uri=${encodeURIComponent(`${target}&a=b`)}`,
    ],
  ])('%s leads to the same address, and nothing else is passed on', (_name, rawQuery) => {
    expect(sentTo(rawQuery)).toBe(target);
  });
});

describe('the validation is strict', () => {
  const host = 'link.rutterapi.com';
  const refused: string[] = [
    `http://${host}/sage_redirect`,
    `https://${host}@evil.example/sage_redirect`,
    `https://evil.example@${host}/sage_redirect`,
    `https://${host}\\@evil.example/sage_redirect`,
    `https:\\\\${host}/sage_redirect`,
    `//${host}/sage_redirect`,
    `https:${host}/sage_redirect`,
    `https:///${host}/sage_redirect`,
    `https://${host}.evil.example/sage_redirect`,
    `https://evil${host}/sage_redirect`,
    `https://${host}./sage_redirect`,
    `https://${host}:8443/sage_redirect`,
    `https://${host}:443/sage_redirect`,
    `https://LINK.RUTTERAPI.COM/sage_redirect`,
    `https://xn--link-.rutterapi.com/sage_redirect`,
    `https://link．rutterapi．com/sage_redirect`,
    `https://${host}%2eevil.example/sage_redirect`,
    `https://${host}/sage_redirect%0d%0aLocation: https://evil.example`,
    `https://${host}/sage_redirect\r\n`,
    `https://${host}/sage\t_redirect`,
    ` https://${host}/sage_redirect`,
    `https://${host}/sage_redirect#`,
    `https://${host}/sage_redirect/`,
    `https://${host}/sage_redirect/../evil`,
    `https://${host}/x/../sage_redirect`,
    `https://${host}/%73age_redirect`,
    `https://${host}/sage_redirectX`,
    `https://${host}/sage_redirect;x`,
    `javascript:alert(1)//${host}/sage_redirect`,
    `data:text/html,https://${host}/sage_redirect`,
    `https://evil.example/?https://${host}/sage_redirect`,
    encodeURIComponent(`https://${host}/sage_redirect`),
    `https://${host}/sage_redirect${'x'.repeat(10_000)}`,
  ];
  for (const address of refused) {
    test(`${JSON.stringify(address.slice(0, 80))} is refused`, () => {
      const whole = encodeURIComponent(`${address}?challenge=${challenge}`);
      expect(sentTo(`challenge=${challenge}&redirect_uri=${whole}`)).toBeNull();
    });
  }

  test.each([
    ['no redirect_uri', `challenge=${challenge}`],
    ['no challenge', `redirect_uri=${target}`],
    ['an empty challenge', `challenge=&redirect_uri=${target}`],
    ['two challenges', `challenge=${challenge}&challenge=${challenge}&redirect_uri=${target}`],
    ['two redirect_uris', `challenge=${challenge}&redirect_uri=${target}&redirect_uri=${target}`],
    ['one of two encoded in its name', `challenge=${challenge}&%63hallenge=x&redirect_uri=${target}`],
    ['an array', `challenge[]=${challenge}&redirect_uri=${target}`],
    ['an array beside', `challenge=${challenge}&challenge%5B0%5D=x&redirect_uri=${target}`],
    ['another case', `Challenge=${challenge}&redirect_uri=${target}`],
    ['another challenge inside', `challenge=${challenge}x&redirect_uri=${target}`],
    ['none inside', `challenge=${challenge}&redirect_uri=${origin}/sage_redirect`],
    [
      'two inside',
      `challenge=${challenge}&redirect_uri=${encodeURIComponent(`${target}&challenge=${challenge}`)}`,
    ],
    ['broken encoding', `challenge=%E0%A4%A&redirect_uri=${target}`],
    [
      'a character that needs encoding',
      `challenge=a%20b&redirect_uri=${origin}/sage_redirect?challenge=a%20b`,
    ],
  ])('%s is refused', (_name, rawQuery) => {
    expect(sentTo(rawQuery)).toBeNull();
  });

  test('a challenge of 512 characters passes, one of 513 does not', () => {
    const link = (length: number) => {
      const long = 'c'.repeat(length);
      return `challenge=${long}&redirect_uri=${origin}/sage_redirect?challenge=${long}`;
    };
    expect(sentTo(link(512))).not.toBeNull();
    expect(sentTo(link(513))).toBeNull();
  });
});

/** Changes that forgers and broken proxies make to a link. */
// oxfmt-ignore
const pieces = [
  '@', '\\', '//', '/', '.', ':', '?', '#', '&', '=', '%2e', '%2f', '%5c', '%40', '%0d%0a', '%09', '%00', '%23', '%3f',
  '%26', ' ', '\t', '\u{ff0e}', '\u{3002}', '\u{202e}', 'evil.example', 'https://evil.example/', 'https:', 'http://',
  'javascript:', '[]', '&challenge=x', '&redirect_uri=https://evil.example', ';', ',', '|', '"', '<', "'", '+',
];

test('over 20,000 mutations of a good link the browser is sent to the one good address or nowhere', () => {
  const good = fc.constantFrom(
    `challenge=${challenge}&redirect_uri=${target}`,
    `challenge=${challenge}&redirect_uri=${encodeURIComponent(target)}`,
  );
  const cut = fc.record({
    at: fc.oneof(fc.double({ min: 0, max: 1, noNaN: true }), fc.constantFrom(0, 1)),
    remove: fc.oneof(fc.constant(0), fc.nat({ max: 12 })),
    insert: fc.oneof(fc.constantFrom(...pieces), fc.string({ maxLength: 6, unit: 'binary' })),
  });
  const mutated = fc.tuple(good, fc.array(cut, { minLength: 1, maxLength: 4 })).map(([link, cuts]) =>
    cuts.reduce<string>((text, { at, remove, insert }) => {
      const start = Math.floor(at * text.length);
      return text.slice(0, start) + insert + text.slice(start + remove);
    }, link),
  );
  let accepted = 0;
  fc.assert(
    fc.property(mutated, (rawQuery) => {
      const address = sentTo(rawQuery);
      if (address === null) return;
      accepted += 1;
      // Whatever survives is the allowed origin and path with one well-formed challenge, for a browser's parser too.
      const url = new URL(address);
      expect(allowedOrigins).toContain(url.origin);
      expect(url.pathname).toBe('/sage_redirect');
      expect([...url.searchParams.keys()]).toEqual(['challenge']);
      expect(url.hash).toBe('');
      expect(url.href).toBe(address);
      // The challenge is in both parts of the link.
      const given = url.searchParams.get('challenge')!;
      const decoded = decodeURIComponent(rawQuery.replace(/%(?![0-9a-f]{2})/gi, '%25'));
      expect(decoded.split(given).length).toBeGreaterThan(2);
    }),
    { numRuns: 20_000 },
  );
  // A property that refuses everything would prove nothing.
  expect(accepted).toBeGreaterThan(100);
});

test('the address with the one-time password carries it encoded and nothing else', () => {
  const query = read(`challenge=${challenge}&redirect_uri=${target}`);
  if (!query.ok) throw new Error(query.problem);
  expect(printRedirectTarget(query.target, 'a&b=c#d')).toBe(`${target}&otp=a%26b%3Dc%23d`);
  expect(() => printRedirectTarget(query.target, '')).toThrow(RangeError);
});
