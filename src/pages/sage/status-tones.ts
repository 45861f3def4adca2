import type { SageAccountStatus } from '../../domain/sage.js';

/** Colour of a status, beside its word. */
export const statusTones: Record<SageAccountStatus, '' | 'is-good' | 'is-waiting'> = {
  pending: 'is-waiting',
  active: 'is-good',
  authRequired: 'is-waiting',
  cancelled: '',
};
