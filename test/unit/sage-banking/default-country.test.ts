import { expect, test } from 'vitest';
import { defaultCountry } from '../../../src/pages/sage-banking/bank-search.js';

test.each([
  ['https://www.sagebankdrive.com', 'USA'],
  ['https://qa.sagebankdrive.com', 'USA'],
  ['https://pp.sagebankdrive.com', 'USA'],
  ['https://eu.sagebankdrive.com', 'GBR'],
  ['https://qaeu.sagebankdrive.com', 'GBR'],
  ['http://localhost:9100', 'GBR'],
  [undefined, 'GBR'],
])('the bank search at %s starts with the country of its host: %s', (bankingUrl, country) => {
  expect(defaultCountry(bankingUrl)).toBe(country);
});
