import type { Pool, Queryable } from './pool.js';
import { transaction } from './pool.js';

/** A business that banks with us. The password's hash stays here; it is read only by {@link readLogin}. */
export interface CustomerRow {
  readonly customerId: string;
  readonly name: string;
  readonly email: string | null;
  /** Name of the local login; null where there is none (sign-in elsewhere). */
  readonly username: string | null;
  readonly locale: string;
  /** IANA name, of its accounts that have none of their own. */
  readonly timeZone: string | null;
  readonly createdAt: string;
  readonly updatedAt: string;
}

const columns = `
  customer_id AS "customerId", name, email, username, locale, time_zone AS "timeZone", created_at AS "createdAt",
  updated_at AS "updatedAt"`;

/** The customer, or null when there is none. */
export async function readCustomer(
  db: Queryable,
  input: { customerId: string },
): Promise<CustomerRow | null> {
  const { rows } = await db.query<CustomerRow>(`SELECT ${columns} FROM customers WHERE customer_id = $1`, [
    input.customerId,
  ]);
  return rows[0] ?? null;
}

/** Up to `limit` customers after the customer `afterCustomerId`, in the order of their ids. */
export async function listCustomers(
  db: Queryable,
  input: { afterCustomerId?: string | undefined; limit: number },
): Promise<CustomerRow[]> {
  const { rows } = await db.query<CustomerRow>(
    `SELECT ${columns} FROM customers WHERE $1::text IS NULL OR customer_id > $1 ORDER BY customer_id LIMIT $2`,
    [input.afterCustomerId ?? null, input.limit],
  );
  return rows;
}

/** What a local login is checked against; null when no customer has that name. Names are compared by their exact bytes. */
export async function readLogin(
  db: Queryable,
  input: { username: string },
): Promise<{ customerId: string; passwordHash: string } | null> {
  const { rows } = await db.query<{ customer_id: string; password_hash: string }>(
    `SELECT customer_id, password_hash FROM customers WHERE username = $1`,
    [input.username],
  );
  const row = rows[0];
  return row === undefined ? null : { customerId: row.customer_id, passwordHash: row.password_hash };
}

/** `keep` leaves the login as it is, `remove` removes it, otherwise it is set; without a hash the old one stays. */
export type LoginChange =
  | 'keep'
  | 'remove'
  | { readonly username: string; readonly passwordHash: string | null };

export type PutCustomerResult =
  | { readonly kind: 'created' | 'updated'; readonly customer: CustomerRow }
  /** Another customer has that login. */
  | { readonly kind: 'username_taken' }
  /** A login without a password, for a customer who has none yet. */
  | { readonly kind: 'password_missing' };

const uniqueViolation = '23505';

/** Creates the customer or replaces its fields; their accounts and connections stay. */
export async function putCustomer(
  pool: Pool,
  input: {
    customerId: string;
    name: string;
    email: string | null;
    locale: string;
    timeZone: string | null;
    login: LoginChange;
  },
): Promise<PutCustomerResult> {
  try {
    return await transaction(pool, async (db) => {
      // The insert also locks: of two concurrent first calls the second waits here and then updates.
      const { rowCount } = await db.query(
        `INSERT INTO customers (customer_id, name) VALUES ($1, $2) ON CONFLICT (customer_id) DO NOTHING`,
        [input.customerId, input.name],
      );
      const created = rowCount === 1;
      const { rows } = await db.query<{ username: string | null; password_hash: string | null }>(
        `SELECT username, password_hash FROM customers WHERE customer_id = $1 FOR UPDATE`,
        [input.customerId],
      );
      const login = nextLogin(rows[0] ?? { username: null, password_hash: null }, input.login);
      if (login === null) throw new PasswordMissing();
      const updated = await db.query<CustomerRow>(
        `UPDATE customers SET name = $2, email = $3, locale = $4, username = $5, password_hash = $6, time_zone = $7,
                updated_at = now()
          WHERE customer_id = $1 RETURNING ${columns}`,
        [
          input.customerId,
          input.name,
          input.email,
          input.locale,
          login.username,
          login.password_hash,
          input.timeZone,
        ],
      );
      const row = updated.rows[0];
      if (row === undefined) throw new Error('the customer was not stored');
      return { kind: created ? ('created' as const) : ('updated' as const), customer: row };
    });
  } catch (error) {
    if (error instanceof PasswordMissing) return { kind: 'password_missing' };
    if ((error as { code?: unknown }).code === uniqueViolation) return { kind: 'username_taken' };
    throw error;
  }
}

/** Undoes the transaction: a customer is not half created. */
class PasswordMissing extends Error {}

interface Login {
  readonly username: string | null;
  readonly password_hash: string | null;
}

function nextLogin(current: Login, change: LoginChange): Login | null {
  if (change === 'keep') return current;
  if (change === 'remove') return { username: null, password_hash: null };
  const hash = change.passwordHash ?? current.password_hash;
  return hash === null ? null : { username: change.username, password_hash: hash };
}
