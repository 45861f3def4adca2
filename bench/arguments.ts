export interface BenchArguments {
  readonly help: boolean;
  readonly json: boolean;
  /** Names of cases; empty = all. */
  readonly names: readonly string[];
}

/** @throws Error with one sentence for an unknown option or case */
export function readArguments(given: readonly string[], known: readonly string[]): BenchArguments {
  const names = given.filter((argument) => !argument.startsWith('-'));
  const options = given.filter((argument) => argument.startsWith('-'));
  const badOption = options.find((option) => !['--help', '-h', '--json'].includes(option));
  if (badOption !== undefined) throw new Error(`Unknown option ${badOption}: see npm run bench -- --help.`);
  const badName = names.find((name) => !known.includes(name));
  if (badName !== undefined) throw new Error(`No case ${badName}: there are ${known.join(', ')}.`);
  return {
    help: options.includes('--help') || options.includes('-h'),
    json: options.includes('--json'),
    names,
  };
}
