import type { Schema } from "../database/index.ts";

/** What the rooms' timelines say of the sessions that encrypted them, in `backscroll.sqlite`. */
export const timelineSchema: Schema = {
    feature: "timeline",
    migrations: [
        (sql) =>
            sql.exec(`
                -- One row for each session that a sender's events name. The sender belongs to the key: anybody may name anybody's session.
                CREATE TABLE timeline_sessions (
                    id INTEGER PRIMARY KEY,
                    room_id TEXT NOT NULL,
                    session_id TEXT NOT NULL,
                    sender TEXT NOT NULL,
                    first_at INTEGER NOT NULL,
                    events INTEGER NOT NULL,
                    UNIQUE (room_id, session_id, sender)
                ) STRICT;
                -- Which messages of a session are counted, and when each was sent: what is seen twice counts once.
                CREATE TABLE timeline_events (
                    session INTEGER NOT NULL REFERENCES timeline_sessions (id),
                    message_index INTEGER NOT NULL,
                    at INTEGER NOT NULL,
                    PRIMARY KEY (session, message_index)
                ) STRICT, WITHOUT ROWID;
                -- What is not recorded yet: what came before from_token (NULL: before now), back to to_token (NULL: to the beginning).
                CREATE TABLE timeline_gaps (
                    id INTEGER PRIMARY KEY,
                    room_id TEXT NOT NULL,
                    from_token TEXT,
                    to_token TEXT,
                    pages INTEGER NOT NULL DEFAULT 0
                ) STRICT;
                CREATE INDEX timeline_gaps_by_room ON timeline_gaps (room_id);
                CREATE TABLE timeline_rooms (
                    room_id TEXT PRIMARY KEY,
                    -- 1: events are missing for good, because a bound or the homeserver ended the search for them.
                    cut INTEGER NOT NULL DEFAULT 0,
                    -- Asked for so far.
                    pages INTEGER NOT NULL DEFAULT 0,
                    -- Goes up with whatever changes the coverage; counted is the revision that the count below is of.
                    revision INTEGER NOT NULL DEFAULT 1,
                    counted INTEGER NOT NULL DEFAULT 0,
                    -- JSON.
                    coverage TEXT
                ) STRICT, WITHOUT ROWID;
            `),
        // 1: asking for it has failed again and again. It is still tried, but nobody waits for it.
        (sql) => sql.exec("ALTER TABLE timeline_gaps ADD COLUMN stalled INTEGER NOT NULL DEFAULT 0"),
        // When the last message was sent, or later. Every room is counted anew: earlier versions counted less.
        (sql) =>
            sql.exec(`
                ALTER TABLE timeline_sessions ADD COLUMN last_at INTEGER NOT NULL DEFAULT 0;
                UPDATE timeline_sessions SET last_at = max(
                    first_at, coalesce((SELECT max(at) FROM timeline_events WHERE session = timeline_sessions.id), 0)
                );
                UPDATE timeline_rooms SET revision = revision + 1;
            `),
        // Whose sessions they are is seen from the messages themselves: they are read once more, from the newest on.
        (sql) =>
            sql.exec(`
                CREATE TABLE session_owners (
                    room_id TEXT NOT NULL,
                    session_id TEXT NOT NULL,
                    sender TEXT NOT NULL,
                    -- When the earliest known message was sent that bears the session's signature.
                    signed_at INTEGER NOT NULL,
                    -- 1: the crypto worker knows.
                    told INTEGER NOT NULL,
                    PRIMARY KEY (room_id, session_id)
                ) STRICT, WITHOUT ROWID;
                CREATE INDEX session_owners_untold ON session_owners (told) WHERE told = 0;
                -- 1: what is known already is read once more; whatever becomes of it, the room's beginning was found or not before.
                ALTER TABLE timeline_gaps ADD COLUMN again INTEGER NOT NULL DEFAULT 0;
                INSERT INTO timeline_gaps (room_id, again) SELECT room_id, 1 FROM timeline_rooms
                    WHERE room_id NOT IN (SELECT room_id FROM timeline_gaps WHERE from_token IS NULL);
            `),
        (sql) => sql.exec("CREATE INDEX timeline_sessions_by_sender ON timeline_sessions (room_id, sender)"),
    ],
};
