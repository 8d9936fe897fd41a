import type { DatabaseSync } from "node:sqlite";
import { blobOf, numberOf, type Row, textOf } from "../../../database/index.ts";
import type { Seal } from "../../../sealing/index.ts";
import { EntryPages } from "./entry-pages.ts";

const entriesAPage = 256;

/**
 * Entries were sealed one by one, in their rows; from here on they lie on pages, and a row knows who sent the session
 * and when it came.
 */
export function putEntriesOnPages(sql: DatabaseSync, seal: Seal): void {
    sql.exec(`
        ALTER TABLE ready_entries RENAME TO old_entries;
        DROP INDEX ready_entries_by_verdict;
        -- AUTOINCREMENT: a page is sealed for its number, and no other page ever gets that.
        CREATE TABLE entry_pages (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            room_id TEXT NOT NULL,
            -- How many rows point to it.
            live INTEGER NOT NULL,
            body BLOB NOT NULL
        ) STRICT;
        CREATE INDEX entry_pages_by_room ON entry_pages (room_id, live);
        CREATE TABLE ready_entries (
            room_id TEXT NOT NULL,
            session_id TEXT NOT NULL,
            sender_key TEXT NOT NULL,
            first_index INTEGER NOT NULL,
            machine_flag INTEGER NOT NULL,
            claim TEXT NOT NULL,
            verdict TEXT NOT NULL,
            page INTEGER NOT NULL,
            start INTEGER NOT NULL,
            length INTEGER NOT NULL,
            -- Who sent it in an m.room_key, and when it came. NULL: it came otherwise, or before this was kept.
            received_from TEXT,
            received_at INTEGER,
            PRIMARY KEY (room_id, session_id, sender_key)
        ) STRICT;
        CREATE INDEX ready_entries_by_verdict ON ready_entries (room_id, verdict, page, start, length);
        CREATE INDEX ready_entries_by_page ON ready_entries (room_id, page);
        CREATE TABLE room_key_senders (room_id TEXT NOT NULL, user_id TEXT NOT NULL, PRIMARY KEY (room_id, user_id)) STRICT, WITHOUT ROWID;
        CREATE TABLE room_versions (room_id TEXT PRIMARY KEY, version TEXT NOT NULL) STRICT, WITHOUT ROWID;
    `);
    moveEntries(sql, seal);
    sql.exec("DROP TABLE old_entries");
}

function moveEntries(sql: DatabaseSync, seal: Seal): void {
    const pages = new EntryPages(sql, seal);
    const some = sql.prepare(
        "SELECT rowid AS id, * FROM old_entries WHERE room_id = ? AND rowid > ? ORDER BY rowid LIMIT ?",
    );
    const insert = sql.prepare(
        `INSERT INTO ready_entries SELECT room_id, session_id, sender_key, first_index, machine_flag, claim, verdict, ?, ?, ?, NULL, NULL
         FROM old_entries WHERE rowid = ?`,
    );
    const rooms = sql.prepare("SELECT DISTINCT room_id FROM old_entries").all();
    for (const roomId of rooms.map((row) => textOf(row, "room_id"))) {
        for (let last = 0; ;) {
            const rows = some.all(roomId, last, entriesAPage);
            if (rows.length === 0) break;
            const places = pages.add(
                roomId,
                rows.map((row) => openOld(seal, row)),
            );
            for (const [index, { page, start, length }] of places.entries())
                insert.run(page, start, length, numberOf(rows[index], "id"));
            last = numberOf(rows.at(-1), "id");
        }
    }
}

function openOld(seal: Seal, row: Row): Uint8Array {
    const place = JSON.stringify([
        "ready_entries",
        textOf(row, "room_id"),
        textOf(row, "session_id"),
        textOf(row, "sender_key"),
    ]);
    return seal.open(place, blobOf(row, "entry"));
}
