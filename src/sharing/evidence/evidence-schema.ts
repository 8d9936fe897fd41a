import type { Schema } from "../../database/index.ts";

export const evidenceSchema: Schema = {
    feature: "sharing_evidence",
    migrations: [
        (sql) =>
            sql.exec(`
                -- What is known of each user's client (see weigh.ts), whatever becomes of the rooms where it was seen.
                -- AUTOINCREMENT, so that the row that was changed last has the highest number.
                CREATE TABLE sharing_evidence (
                    id INTEGER PRIMARY KEY AUTOINCREMENT,
                    user_id TEXT NOT NULL UNIQUE,
                    bundle_at INTEGER,
                    machine_flag_at INTEGER,
                    spec_flag_at INTEGER,
                    silent_while_open_at INTEGER,
                    kept_to_themselves_at INTEGER
                ) STRICT;

                -- Who invited the bot and announced no bundle. A count of the room tells whether they could have.
                CREATE TABLE inviters_without_bundle (
                    id INTEGER PRIMARY KEY AUTOINCREMENT,
                    room_id TEXT NOT NULL UNIQUE,
                    user_id TEXT NOT NULL,
                    invited_after INTEGER NOT NULL
                ) STRICT;

                -- One row from when somebody announced a bundle whose keys have the specification's spelling alone.
                CREATE TABLE spec_spelling_shares (id INTEGER PRIMARY KEY CHECK (id = 1), since INTEGER NOT NULL) STRICT;
            `),
        (sql) =>
            sql.exec(`
                -- Room keys that were lost because nobody can read the spelling of their flag, by sender.
                -- AUTOINCREMENT, so that the row that was changed last has the highest number.
                CREATE TABLE unreadable_keys (
                    id INTEGER PRIMARY KEY AUTOINCREMENT,
                    user_id TEXT NOT NULL UNIQUE,
                    keys INTEGER NOT NULL,
                    last_at INTEGER NOT NULL
                ) STRICT;
            `),
    ],
};
