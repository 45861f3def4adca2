import { readCommand, type CommandRow } from '../commands.js';
import type { Queryable } from '../pool.js';

/** Inputs and results of the commands of Rutter's channel. */

export const rutterCommandKinds = [
  'create_connection',
  'exchange_public_token',
  'adopt_connection',
  'resync_feed',
] as const;
export type RutterCommandKind = (typeof rutterCommandKinds)[number];

/** By kind: `create_connection` {name?, platform?}, `adopt_connection` {rutter_connection_id}, `resync_feed` {feed_id, from, from_day, dry_run}, else {}. */
export interface RutterCommandInput {
  readonly name?: string;
  readonly platform?: string;
  readonly rutter_connection_id?: string;
  readonly feed_id?: string;
  readonly from?: string;
  /** The first booking day; absent in a command of the version before, whose `from` begins it in UTC. */
  readonly from_day?: string;
  readonly dry_run?: boolean;
}

export type RutterCommandResult = ConnectionResult | ResyncResult;

/** What a resync found, and without `dry_run` did. Instants are ISO text in UTC. */
export interface ResyncResult {
  readonly feed_id: string;
  readonly from: string;
  /** `from`, or the feed's start date when that is later. */
  readonly effective_from: string;
  /** Absent in a result of the version before. */
  readonly first_booking_date?: string;
  /** Postings that our completed batches call delivered. */
  readonly compared: number;
  /** Those of them that Rutter's list has. */
  readonly at_rutter: number;
  /** Those of them that it has not, read twice: sent again. */
  readonly gap: number;
  /** Postings that are to be sent in any case. */
  readonly already_waiting: number;
  /** Those of them that Rutter has already: they come back as duplicates and count as delivered. */
  readonly known_at_rutter: number;
  /** The first 1000 of the gap. */
  readonly transaction_ids: readonly string[];
  readonly first_posted_at: string | null;
  readonly last_posted_at: string | null;
  readonly dry_run: boolean;
}

/** A connection, never its token. */
export interface ConnectionResult {
  readonly connection_id: string;
  readonly platform: string;
  /** Our fact: ok, refused, unavailable. */
  readonly status: string;
  readonly link_url: string | null;
}

export type RutterCommandRow = CommandRow<RutterCommandKind, RutterCommandInput, RutterCommandResult>;

/** The command, or null when there is none. Whether its kind is of this channel is checked by the caller. */
export async function readRutterCommand(
  db: Queryable,
  input: { commandId: string },
): Promise<RutterCommandRow | null> {
  return (await readCommand(db, input)) as RutterCommandRow | null;
}
