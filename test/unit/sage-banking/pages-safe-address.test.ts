import { expect, test } from 'vitest';
import { safeAddress } from '../../../src/pages/sage-banking/safe-address.js';

const secure = { SAGE_BANKING_URL: 'https://api.sage.example' };
const plain = { SAGE_BANKING_URL: 'http://localhost:8091' };

test('a person is sent to this machine in plain http only where Sage is plain, too', () => {
  const address = 'http://localhost:8091/bank';
  expect(safeAddress(address, plain)).toEqual({ address, host: 'localhost:8091' });
  expect(safeAddress(address, secure)).toBeNull();
  expect(safeAddress(address, {})).toBeNull();
});

test('a person is sent to any https address without credentials, and to nothing else', () => {
  for (const config of [secure, plain]) {
    expect(safeAddress('https://bank.example/auth', config)).toMatchObject({ host: 'bank.example' });
    for (const text of [
      'https://user@bank.example/',
      'http://bank.example/',
      'javascript:alert(1)',
      '',
      null,
    ]) {
      expect(safeAddress(text, config)).toBeNull();
    }
  }
});
