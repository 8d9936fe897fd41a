import type { Schema } from "../database/index.ts";
import { ranNow } from "../due/index.ts";

export const receivingSchema: Schema = {
    feature: "receiving",
    migrations: [
        (sql) =>
            sql.exec(`
                -- Rooms that the bot joined at somebody's invite, and what became of that person's room key bundle.
                CREATE TABLE received_bundles (
                    room_id TEXT PRIMARY KEY,
                    -- The sender of the bot's own invite, as it knew it when it joined.
                    inviter TEXT NOT NULL,
                    joined_at INTEGER NOT NULL,
                    -- waiting, taken, not_taken
                    state TEXT NOT NULL,
                    -- Why it is not taken, or not yet; NULL: nothing is in the way.
                    reason TEXT,
                    -- Of what was taken: sessions, and records of sessions that are withheld.
                    keys INTEGER NOT NULL DEFAULT 0,
                    withheld INTEGER NOT NULL DEFAULT 0,
                    changed_at INTEGER NOT NULL
                ) STRICT, WITHOUT ROWID;
                CREATE INDEX received_bundles_by_state ON received_bundles (state);
            `),
        (sql) =>
            sql.exec(`
                -- After this the inviter had invited the bot; NULL: not known.
                ALTER TABLE received_bundles ADD COLUMN invited_after INTEGER;
            `),
        // How long the running clock had run when the bot joined. Joins of before count from now on.
        (sql) =>
            sql.exec(`
                ALTER TABLE received_bundles ADD COLUMN joined_ran INTEGER NOT NULL DEFAULT 0;
                UPDATE received_bundles SET joined_ran = ${ranNow};
            `),
    ],
};
