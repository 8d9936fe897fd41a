import type { Schema } from "../../database/index.ts";

/** The tables of the rooms' bundle files in `backscroll.sqlite`. */
export const bundleSchema: Schema = {
    feature: "bundles",
    migrations: [
        (sql) =>
            sql.exec(`
                -- A room's bundle in the media repository: one serves everybody until it is retired.
                CREATE TABLE bundle_files (
                    id INTEGER PRIMARY KEY AUTOINCREMENT,
                    room_id TEXT NOT NULL,
                    -- Of the sessions and the rules that it was made by.
                    fingerprint TEXT NOT NULL,
                    -- Its place and key, sealed.
                    file BLOB NOT NULL,
                    -- JSON: how many sessions it holds, and how many not.
                    contents TEXT NOT NULL,
                    reserved_at INTEGER NOT NULL,
                    -- When the homeserver last said that it has it; NULL: it never did.
                    seen_at INTEGER,
                    retired INTEGER NOT NULL DEFAULT 0
                ) STRICT;
                CREATE INDEX bundle_files_by_room ON bundle_files (room_id, reserved_at);
                -- Which file a job's devices were sent last.
                CREATE TABLE bundle_deliveries (
                    job_id INTEGER PRIMARY KEY,
                    file_id INTEGER NOT NULL,
                    contents TEXT NOT NULL,
                    at INTEGER NOT NULL
                ) STRICT;
                -- Rooms whose set has changed since people were served who have not joined yet.
                CREATE TABLE bundle_refreshes (
                    room_id TEXT PRIMARY KEY,
                    since INTEGER NOT NULL,
                    due_at INTEGER NOT NULL
                ) STRICT, WITHOUT ROWID;
                -- People who are invited and were members before: their sessions are no stranger's.
                CREATE TABLE former_members (room_id TEXT NOT NULL, user_id TEXT NOT NULL, PRIMARY KEY (room_id, user_id)) STRICT, WITHOUT ROWID;
                -- A file of each job was kept here.
                DROP TABLE share_uploads;
            `),
        // How often keys came, and how often in a row somebody could not be served.
        (sql) =>
            sql.exec(
                `ALTER TABLE bundle_refreshes ADD COLUMN changes INTEGER NOT NULL DEFAULT 0;
                 ALTER TABLE bundle_refreshes ADD COLUMN failures INTEGER NOT NULL DEFAULT 0`,
            ),
        // The settings that a file was made by, without its sessions and their senders.
        (sql) => sql.exec("ALTER TABLE bundle_files ADD COLUMN settings TEXT NOT NULL DEFAULT ''"),
        // When keys last came; a row without a due time only tells that they came lately. And before when the
        // homeserver does not want to be asked.
        (sql) =>
            sql.exec(`
                CREATE TABLE refreshes_with_series (
                    room_id TEXT PRIMARY KEY,
                    since INTEGER NOT NULL,
                    due_at INTEGER,
                    changes INTEGER NOT NULL DEFAULT 0,
                    failures INTEGER NOT NULL DEFAULT 0,
                    keys_at INTEGER NOT NULL DEFAULT 0,
                    not_before INTEGER NOT NULL DEFAULT 0
                ) STRICT, WITHOUT ROWID;
                INSERT INTO refreshes_with_series (room_id, since, due_at, changes, failures)
                SELECT room_id, since, due_at, changes, failures FROM bundle_refreshes;
                DROP TABLE bundle_refreshes;
                ALTER TABLE refreshes_with_series RENAME TO bundle_refreshes;
            `),
        // When a file that was handed out is looked at again.
        (sql) =>
            sql.exec(
                `ALTER TABLE bundle_files ADD COLUMN look_at INTEGER NOT NULL DEFAULT 0;
                 ALTER TABLE bundle_files ADD COLUMN not_before INTEGER NOT NULL DEFAULT 0;
                 ALTER TABLE bundle_files ADD COLUMN look_failures INTEGER NOT NULL DEFAULT 0`,
            ),
        // The rooms' tables know who was a member.
        (sql) => sql.exec("DROP TABLE former_members"),
    ],
};
