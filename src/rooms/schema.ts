import type { Schema } from "../database/index.ts";

export const roomsSchema: Schema = {
    feature: "rooms",
    migrations: [
        (sql) =>
            sql.exec(`
                CREATE TABLE rooms (
                    room_id TEXT PRIMARY KEY,
                    membership TEXT NOT NULL,
                    -- 1: the state has been seen whole since we joined, so that what is absent is known to be absent.
                    whole INTEGER NOT NULL DEFAULT 0,
                    -- 1 once an m.room.encryption was seen; never 0 again.
                    encrypted INTEGER NOT NULL DEFAULT 0,
                    joined_at INTEGER,
                    -- A mark stands while its number is above the one that was cleared last.
                    rotation_mark INTEGER NOT NULL DEFAULT 0,
                    rotation_cleared INTEGER NOT NULL DEFAULT 0
                ) STRICT, WITHOUT ROWID;
                -- The state events with an empty state key that we look at. The content is NULL if it could not be kept.
                CREATE TABLE room_state (
                    room_id TEXT NOT NULL REFERENCES rooms,
                    type TEXT NOT NULL,
                    event_id TEXT NOT NULL,
                    sender TEXT NOT NULL,
                    content TEXT,
                    PRIMARY KEY (room_id, type)
                ) STRICT, WITHOUT ROWID;
                CREATE TABLE room_members (
                    room_id TEXT NOT NULL REFERENCES rooms,
                    user_id TEXT NOT NULL,
                    membership TEXT NOT NULL,
                    event_id TEXT NOT NULL,
                    sender TEXT NOT NULL,
                    is_direct INTEGER NOT NULL,
                    PRIMARY KEY (room_id, user_id)
                ) STRICT, WITHOUT ROWID;
                CREATE INDEX room_members_by_membership ON room_members (room_id, membership);
                -- Rooms that wait for our answer: invites to the bot, successors to follow, rooms to leave again.
                CREATE TABLE room_invitations (
                    room_id TEXT PRIMARY KEY,
                    kind TEXT NOT NULL,
                    -- Who invited us, or who sent the tombstone.
                    sender TEXT NOT NULL,
                    -- The room whose tombstone names this one.
                    predecessor TEXT,
                    via TEXT NOT NULL,
                    since INTEGER NOT NULL,
                    state TEXT NOT NULL,
                    attempts INTEGER NOT NULL DEFAULT 0,
                    next_attempt_at INTEGER,
                    reason TEXT
                ) STRICT, WITHOUT ROWID;
            `),
        (sql) => sql.exec("ALTER TABLE room_members ADD COLUMN display_name TEXT"),
        (sql) =>
            sql.exec(`
                -- Goes up whenever somebody joins, leaves or calls themself something else: what was worked out of the members stands until then.
                ALTER TABLE rooms ADD COLUMN joined_revision INTEGER NOT NULL DEFAULT 0;
                CREATE TRIGGER room_members_are_new AFTER INSERT ON room_members WHEN NEW.membership = 'join' BEGIN
                    UPDATE rooms SET joined_revision = joined_revision + 1 WHERE room_id = NEW.room_id;
                END;
                CREATE TRIGGER room_members_change AFTER UPDATE ON room_members WHEN 'join' IN (OLD.membership, NEW.membership) BEGIN
                    UPDATE rooms SET joined_revision = joined_revision + 1 WHERE room_id = NEW.room_id;
                END;
                CREATE TRIGGER room_members_are_gone AFTER DELETE ON room_members WHEN OLD.membership = 'join' BEGIN
                    UPDATE rooms SET joined_revision = joined_revision + 1 WHERE room_id = OLD.room_id;
                END;
            `),
        (sql) =>
            sql.exec(`
                -- Since when the history visibility has been open, as far as we saw; NULL: it is closed, or not known.
                ALTER TABLE rooms ADD COLUMN open_since INTEGER;
                -- After this the invite was made, as the sync before it did not have it; NULL: not known.
                ALTER TABLE room_invitations ADD COLUMN made_after INTEGER;
            `),
        (sql) =>
            sql.exec(`
                -- 1: was joined at some time; 0: never, and we saw everything; NULL: not known.
                ALTER TABLE room_members ADD COLUMN was_member INTEGER;
                -- 1: was kicked or banned, and has not joined since.
                ALTER TABLE room_members ADD COLUMN removed INTEGER NOT NULL DEFAULT 0;
                UPDATE room_members SET was_member = 1 WHERE membership = 'join';
                UPDATE room_members SET removed = 1
                WHERE membership = 'ban' OR (membership = 'leave' AND sender <> user_id);
            `),
    ],
};
