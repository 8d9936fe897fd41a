import type { DatabaseSync } from "node:sqlite";
import { blobOrNothing } from "../../database/index.ts";
import { Failure } from "../../failures/index.ts";
import { StoreError } from "../../indexeddb/index.ts";
import { type Seal, SealBroken } from "../../sealing/index.ts";
import { putEntriesOnPages } from "./entries/entry-pages-migration.ts";
import type { CryptoStore } from "./store/context.ts";
import { readMeta, writeMeta } from "./store/meta.ts";

/** Whose store this is. The file is bound to it for good. */
export interface Owner {
    readonly path: string;
    readonly userId: string;
    readonly deviceId: string;
}

/** SQL, or what SQL cannot do alone. */
type Step = string | ((sql: DatabaseSync, seal: Seal) => void);

/** Step n takes our tables from version n to n + 1; a released step is never edited. */
const migrations: readonly Step[] = [
    `CREATE TABLE ready_entries (
        room_id TEXT NOT NULL,
        session_id TEXT NOT NULL,
        sender_key TEXT NOT NULL,
        first_index INTEGER NOT NULL,
        machine_flag INTEGER NOT NULL,
        claim TEXT NOT NULL,
        verdict TEXT NOT NULL,
        entry BLOB NOT NULL,
        PRIMARY KEY (room_id, session_id, sender_key)
    ) STRICT;
    CREATE INDEX ready_entries_by_verdict ON ready_entries (room_id, verdict);
    CREATE TABLE outbox (
        delivery_id TEXT NOT NULL,
        device_id TEXT NOT NULL,
        device_key TEXT NOT NULL,
        fingerprint TEXT NOT NULL,
        body BLOB NOT NULL,
        PRIMARY KEY (delivery_id, device_id)
    ) STRICT;`,
    // AUTOINCREMENT, so that the newest of a sender has the highest number.
    `CREATE TABLE key_refusals (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        sender TEXT NOT NULL,
        room_id TEXT NOT NULL,
        session_id TEXT NOT NULL,
        code TEXT NOT NULL,
        UNIQUE (sender, room_id, session_id)
    ) STRICT;
    CREATE INDEX key_refusals_by_room ON key_refusals (room_id);`,
    putEntriesOnPages,
    `-- Whose room key bundle brought the copy that is kept; NULL: nobody's.
    ALTER TABLE ready_entries ADD COLUMN given_by TEXT;
    -- Room key bundles that were announced to us; AUTOINCREMENT, so that the newest of a sender has the highest number.
    CREATE TABLE bundle_offers (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        room_id TEXT NOT NULL,
        sender TEXT NOT NULL,
        sender_key TEXT NOT NULL,
        received_at INTEGER NOT NULL,
        file BLOB NOT NULL,
        UNIQUE (room_id, sender)
    ) STRICT;
    CREATE INDEX bundle_offers_by_sender ON bundle_offers (sender, id);
    -- Sessions of which a bundle said that their senders keep them from newcomers.
    CREATE TABLE given_withheld (
        room_id TEXT NOT NULL,
        session_id TEXT NOT NULL,
        sender_key TEXT NOT NULL,
        given_by TEXT NOT NULL,
        PRIMARY KEY (room_id, session_id)
    ) STRICT, WITHOUT ROWID;`,
    `-- When each user last sent us, for each room, a key or a bundle that tells something of their client (see sharing-signs.ts).
    -- AUTOINCREMENT, so that the newest has the highest number.
    CREATE TABLE sharing_signs (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        room_id TEXT NOT NULL,
        user_id TEXT NOT NULL,
        machine_flag_at INTEGER,
        spec_flag_at INTEGER,
        silent_at INTEGER,
        bundle_at INTEGER,
        UNIQUE (room_id, user_id)
    ) STRICT;
    INSERT INTO sharing_signs (room_id, user_id, machine_flag_at, spec_flag_at, silent_at, bundle_at)
    SELECT room_id, user_id, max(iif(sign = 'machine', at, NULL)), max(iif(sign = 'true', at, NULL)), max(iif(sign = 'absent', at, NULL)),
        max(iif(sign = 'bundle', at, NULL))
    FROM (
        SELECT room_id, received_from AS user_id, received_at AS at, iif(machine_flag = 1, 'machine', claim) AS sign FROM ready_entries
        WHERE received_from IS NOT NULL AND received_at IS NOT NULL AND claim <> 'none' AND (machine_flag = 1 OR claim <> 'false')
        UNION ALL
        SELECT room_id, sender, received_at, 'bundle' FROM bundle_offers
    ) GROUP BY room_id, user_id ORDER BY max(at);`,
    `-- One row a copy of a session: of what was sent for each Olm sender, of bundles for each giver. The verdict is the session's, on the row of the
    -- copy that counts; the others stand 'aside' (see session-law.ts).
    ALTER TABLE ready_entries RENAME TO old_entries;
    DROP INDEX ready_entries_by_verdict;
    DROP INDEX ready_entries_by_page;
    CREATE TABLE ready_entries (
        room_id TEXT NOT NULL,
        session_id TEXT NOT NULL,
        -- 'sent' (or we made it), 'import' or 'bundle'.
        source TEXT NOT NULL,
        -- Who sent it, or whose bundle it was in; '': nobody, or not known any more.
        by_user TEXT NOT NULL,
        sender_key TEXT NOT NULL,
        first_index INTEGER NOT NULL,
        machine_flag INTEGER NOT NULL,
        claim TEXT NOT NULL,
        verdict TEXT NOT NULL,
        page INTEGER NOT NULL,
        start INTEGER NOT NULL,
        length INTEGER NOT NULL,
        received_at INTEGER,
        PRIMARY KEY (room_id, session_id, source, by_user, sender_key)
    ) STRICT;
    INSERT INTO ready_entries (rowid, room_id, session_id, source, by_user, sender_key, first_index, machine_flag, claim, verdict, page, start, length, received_at)
    SELECT rowid, room_id, session_id, CASE WHEN claim <> 'none' THEN 'sent' WHEN given_by IS NULL THEN 'import' ELSE 'bundle' END,
        coalesce(received_from, iif(claim = 'none', given_by, NULL), ''), sender_key, first_index, machine_flag, claim, verdict, page, start, length,
        received_at
    FROM old_entries;
    DROP TABLE old_entries;
    CREATE INDEX ready_entries_by_verdict ON ready_entries (room_id, verdict, page, start, length);
    CREATE INDEX ready_entries_by_page ON ready_entries (room_id, page);
    CREATE INDEX ready_entries_by_user ON ready_entries (room_id, by_user);
    -- Who says that a session's sender keeps it from newcomers.
    CREATE TABLE session_closings (
        room_id TEXT NOT NULL,
        session_id TEXT NOT NULL,
        user_id TEXT NOT NULL,
        sender_key TEXT NOT NULL,
        PRIMARY KEY (room_id, session_id, user_id)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO session_closings SELECT room_id, session_id, given_by, sender_key FROM given_withheld;
    DROP TABLE given_withheld;
    -- The sender of the earliest known event that bears the session's signature.
    CREATE TABLE session_owners (
        room_id TEXT NOT NULL,
        session_id TEXT NOT NULL,
        user_id TEXT NOT NULL,
        PRIMARY KEY (room_id, session_id)
    ) STRICT, WITHOUT ROWID;
    -- Of those who sent keys, who was never in the room.
    CREATE TABLE room_outsiders (room_id TEXT NOT NULL, user_id TEXT NOT NULL, PRIMARY KEY (room_id, user_id)) STRICT, WITHOUT ROWID;`,
    `-- The rooms that are the bot's, as it was told last (see unknown-rooms.ts).
    CREATE TABLE bot_rooms (room_id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
    -- What came for other rooms: kept for a while. AUTOINCREMENT, so that the newest has the highest number.
    CREATE TABLE unknown_room_arrivals (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        room_id TEXT NOT NULL,
        -- '': not known any more.
        sender TEXT NOT NULL,
        -- 'key', 'bundle' (an announcement) or 'refusal'.
        kind TEXT NOT NULL,
        -- '' of a bundle.
        session_id TEXT NOT NULL,
        -- Milliseconds for which the bot had run (see running-clock.ts).
        came_at INTEGER NOT NULL,
        UNIQUE (room_id, sender, kind, session_id)
    ) STRICT;`,
];

const KEY_CHECK = "crypto_meta key_check";

/**
 * Keeps a copy of a store beside it if `prepareTables` is going to change the shape of its tables.
 * @param steps for tests
 * @throws {Failure} store_key_wrong, store_of_another_device, store_too_new, upgrade_needs_room
 */
export async function keepOutdated(store: TableStore, owner: Owner, seal: Seal, steps = migrations): Promise<void> {
    const version = await store.atomically((sql) => checkedVersion(sql, owner, seal, steps.length));
    if (version > 0 && version < steps.length) keepCopy(store, owner.path);
}

/**
 * Makes our tables or brings them to today's shape, after checking that the store is ours to open. Nothing is changed
 * before every check passed.
 * @throws {Failure} store_key_wrong, store_of_another_device, store_too_new
 */
export function prepareTables(sql: DatabaseSync, owner: Owner, seal: Seal, steps = migrations): void {
    const version = checkedVersion(sql, owner, seal, steps.length);
    if (version === steps.length) return;
    if (version === 0)
        sql.exec("CREATE TABLE crypto_meta (name TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID");
    for (const step of steps.slice(version)) {
        if (typeof step === "string") sql.exec(step);
        else step(sql, seal);
    }
    if (version === 0) bind(sql, owner, seal);
    writeMeta(sql, "version", String(steps.length));
}

type TableStore = Pick<CryptoStore, "atomically" | "keepCopy">;

function checkedVersion(sql: DatabaseSync, owner: Owner, seal: Seal, known: number): number {
    const version = Number(hasMeta(sql) ? (readMeta(sql, "version") ?? 0) : 0);
    if (version > known)
        throw new Failure("store_too_new", { path: owner.path, feature: "crypto", found: version, known });
    if (version > 0) checkOwner(sql, owner, seal);
    return version;
}

function keepCopy(store: TableStore, path: string): void {
    try {
        store.keepCopy();
    } catch (error) {
        if (error instanceof StoreError && error.reason === "disk_full")
            throw new Failure("upgrade_needs_room", { path }, { cause: error });
        throw error;
    }
}

function hasMeta(sql: DatabaseSync): boolean {
    return sql.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'crypto_meta'").get() !== undefined;
}

function bind(sql: DatabaseSync, owner: Owner, seal: Seal): void {
    writeMeta(sql, "user_id", owner.userId);
    writeMeta(sql, "device_id", owner.deviceId);
    sql.prepare("INSERT INTO crypto_meta VALUES ('key_check', ?)").run(seal.seal(KEY_CHECK, Buffer.from("backscroll")));
}

function checkOwner(sql: DatabaseSync, owner: Owner, seal: Seal): void {
    const check = sql.prepare("SELECT value FROM crypto_meta WHERE name = 'key_check'").get();
    try {
        seal.open(KEY_CHECK, blobOrNothing(check, "value") ?? new Uint8Array());
    } catch (error) {
        if (error instanceof SealBroken) throw new Failure("store_key_wrong", { path: owner.path });
        throw error;
    }
    const [userId, deviceId] = [readMeta(sql, "user_id") ?? "", readMeta(sql, "device_id") ?? ""];
    if (userId === owner.userId && deviceId === owner.deviceId) return;
    const { path } = owner;
    throw new Failure("store_of_another_device", {
        path,
        storeUser: userId,
        storeDevice: deviceId,
        user: owner.userId,
        device: owner.deviceId,
    });
}
