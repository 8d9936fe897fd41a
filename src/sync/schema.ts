import type { Schema } from "../database/index.ts";

export const syncSchema: Schema = {
    feature: "sync",
    migrations: [
        (sql) =>
            sql.exec(`
                CREATE TABLE sync_position (
                    id INTEGER PRIMARY KEY CHECK (id = 1),
                    -- What /sync is asked with next: everything before it has been recorded.
                    token TEXT NOT NULL,
                    recorded_at INTEGER NOT NULL
                ) STRICT;
                -- Where the server left out events of a room: between to_token (NULL: the room's beginning) and from_token, which /messages takes.
                CREATE TABLE sync_gaps (
                    room_id TEXT NOT NULL,
                    from_token TEXT NOT NULL,
                    to_token TEXT,
                    noticed_at INTEGER NOT NULL,
                    PRIMARY KEY (room_id, from_token)
                ) STRICT, WITHOUT ROWID;
            `),
        // The timeline part has gaps of its own, and looks at the whole past of every room that is new to it.
        (sql) => sql.exec("DROP TABLE sync_gaps"),
    ],
};
