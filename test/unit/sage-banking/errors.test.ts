import { describe, expect, it } from 'vitest';
import { notFoundErrorCode } from '../../../src/clients/sage-banking/assumptions.js';
import {
  isSageConflict,
  isSageInvalid,
  isSageNotFound,
  isUnknownToSage,
  SageRefused,
} from '../../../src/clients/sage-banking/errors.js';
import type { SageOperation } from '../../../src/clients/sage-banking/operations.js';
import { sageCheckMaxMs } from '../../../src/domain/sage-banking/account-limits.js';

const refused = (operation: SageOperation, httpStatus: number, errorCode: string | null = null) =>
  new SageRefused({ operation, httpStatus, errorCode, errorMessage: null });

describe('a refusal at Sage', () => {
  it('of the token that a call needs proves nothing about the resource of the call', () => {
    for (const status of [400, 404, 409]) {
      const ofToken = refused('getAccessToken', status, notFoundErrorCode);
      const meanings = [isSageNotFound, isUnknownToSage, isSageConflict, isSageInvalid];
      expect(meanings.map((means) => means(ofToken))).toEqual([false, false, false, false]);
    }
    expect(isSageNotFound(refused('deleteRule', 404))).toBe(true);
    expect(isSageConflict(refused('deleteRule', 409))).toBe(true);
    expect(isSageInvalid(refused('startReauthorisation', 400))).toBe(true);
  });

  it('proves that a resource does not exist only with Sage’s own error body', () => {
    expect(isUnknownToSage(refused('deleteBankAccount', 404, notFoundErrorCode))).toBe(true);
    expect(isUnknownToSage(refused('deleteBankAccount', 404))).toBe(false);
    expect(isUnknownToSage(refused('deleteBankAccount', 404, 'routeMissing'))).toBe(false);
  });
});

it('accounts that were created together are not always checked together', () => {
  const maxMs = 3_600_000;
  const waits = Array.from({ length: 200 }, (_, index) =>
    sageCheckMaxMs({ sageAccountId: `account-${String(index)}`, maxMs }),
  );
  expect(Math.max(...waits)).toBeLessThanOrEqual(maxMs);
  expect(Math.min(...waits)).toBeGreaterThanOrEqual(0.85 * maxMs);
  expect(Math.max(...waits) - Math.min(...waits)).toBeGreaterThan(0.1 * maxMs);
  expect(sageCheckMaxMs({ sageAccountId: 'account-1', maxMs })).toBe(waits[1]);
});
