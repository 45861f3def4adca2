import { z } from 'zod';
import type { CustomerRow } from '../db/customers.js';
import { instant } from './fields.js';

/** A customer in answers: never a password or its hash. */
export const customerSchema = z
  .object({
    customer_id: z.string(),
    name: z.string(),
    email: z.string().nullable(),
    username: z.string().nullable(),
    locale: z.string(),
    time_zone: z.string().nullable(),
    created_at: instant,
    updated_at: instant,
  })
  .meta({ id: 'Customer' });

export function customerJson(customer: CustomerRow) {
  return {
    customer_id: customer.customerId,
    name: customer.name,
    email: customer.email,
    username: customer.username,
    locale: customer.locale,
    time_zone: customer.timeZone,
    created_at: customer.createdAt,
    updated_at: customer.updatedAt,
  };
}
