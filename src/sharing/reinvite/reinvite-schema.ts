import type { Schema } from "../../database/index.ts";

/** What bounds and paces the bot's own invites. Everything here is forgotten once it binds nothing any more. */
export const reinviteSchema: Schema = {
    feature: "reinvites",
    migrations: [
        (sql) => {
            sql.exec(`
                -- Every invite that fills a homeserver's buckets: people's as the sync tells them, ours before they are asked for.
                CREATE TABLE invites_counted (
                    id INTEGER PRIMARY KEY,
                    at INTEGER NOT NULL,
                    room_id TEXT NOT NULL,
                    user_id TEXT NOT NULL,
                    by_bot INTEGER NOT NULL
                ) STRICT;
                CREATE INDEX invites_counted_by_room ON invites_counted (room_id, at);
                CREATE INDEX invites_counted_by_user ON invites_counted (user_id, at);
                CREATE INDEX invites_counted_by_time ON invites_counted (at);

                -- One for each invite of a human that the bot repeated, or may have.
                CREATE TABLE reinvites (
                    room_id TEXT NOT NULL,
                    user_id TEXT NOT NULL,
                    invite_event_id TEXT NOT NULL,
                    at INTEGER NOT NULL,
                    PRIMARY KEY (room_id, user_id, invite_event_id)
                ) STRICT, WITHOUT ROWID;

                CREATE TABLE invites_declined (
                    room_id TEXT NOT NULL,
                    user_id TEXT NOT NULL,
                    at INTEGER NOT NULL,
                    PRIMARY KEY (room_id, user_id)
                ) STRICT, WITHOUT ROWID;

                -- Rooms and people in whose name a homeserver refused an invite of ours for now; a room's ID never is a user's.
                CREATE TABLE invite_rests (
                    of TEXT PRIMARY KEY,
                    until INTEGER NOT NULL,
                    refusals INTEGER NOT NULL
                ) STRICT, WITHOUT ROWID;
            `);
        },
        // A decline binds nobody once a human invites anew.
        (sql) => sql.exec("DROP TABLE invites_declined"),
        // 1: the homeserver said yes to it.
        (sql) => sql.exec("ALTER TABLE reinvites ADD COLUMN taken INTEGER NOT NULL DEFAULT 0"),
        (sql) =>
            sql.exec(`
                -- Who joined on an invite of the bot's own, and when.
                CREATE TABLE bot_invitees (
                    room_id TEXT NOT NULL,
                    user_id TEXT NOT NULL,
                    joined_at INTEGER NOT NULL,
                    PRIMARY KEY (room_id, user_id)
                ) STRICT, WITHOUT ROWID;
            `),
        // 1: the invite that was repeated carried a bot's mark.
        (sql) => sql.exec("ALTER TABLE reinvites ADD COLUMN marked INTEGER NOT NULL DEFAULT 0"),
    ],
};
