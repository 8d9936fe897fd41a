import type { Schema } from "../../database/index.ts";
import { createAudit, createSendings } from "./audit.ts";
import { createFollowedRooms } from "./followed-rooms.ts";
import { createNotices } from "./notices.ts";

/** The tables of sharing in `backscroll.sqlite`. */
export const sharingSchema: Schema = {
    feature: "sharing",
    migrations: [
        (sql) => {
            sql.exec(`
                CREATE TABLE share_jobs (
                    id INTEGER PRIMARY KEY AUTOINCREMENT,
                    room_id TEXT NOT NULL,
                    user_id TEXT NOT NULL,
                    inviter TEXT NOT NULL,
                    origin TEXT NOT NULL,
                    invite_event_id TEXT NOT NULL,
                    by_another_bot INTEGER NOT NULL,
                    state TEXT NOT NULL,
                    reason TEXT NOT NULL,
                    approved INTEGER NOT NULL DEFAULT 0,
                    attempts INTEGER NOT NULL DEFAULT 0,
                    next_attempt_at INTEGER,
                    created_at INTEGER NOT NULL,
                    updated_at INTEGER NOT NULL
                ) STRICT;
                CREATE UNIQUE INDEX share_jobs_by_invite ON share_jobs (room_id, invite_event_id) WHERE origin = 'invite';
                CREATE INDEX share_jobs_by_invitee ON share_jobs (room_id, user_id, state);
                CREATE INDEX share_jobs_by_state ON share_jobs (state, next_attempt_at);

                CREATE TABLE share_job_moves (
                    job_id INTEGER NOT NULL REFERENCES share_jobs (id),
                    at INTEGER NOT NULL,
                    state TEXT NOT NULL,
                    reason TEXT NOT NULL
                ) STRICT;
                CREATE INDEX share_job_moves_by_job ON share_job_moves (job_id);

                CREATE TABLE share_job_devices (
                    job_id INTEGER NOT NULL REFERENCES share_jobs (id),
                    device_id TEXT NOT NULL,
                    state TEXT NOT NULL,
                    updated_at INTEGER NOT NULL,
                    PRIMARY KEY (job_id, device_id)
                ) STRICT, WITHOUT ROWID;

                CREATE TABLE share_uploads (
                    job_id INTEGER PRIMARY KEY REFERENCES share_jobs (id),
                    file BLOB NOT NULL,
                    shared INTEGER NOT NULL,
                    withheld INTEGER NOT NULL,
                    reserved_at INTEGER NOT NULL,
                    -- 0 until the homeserver has said that it has the file.
                    uploaded INTEGER NOT NULL DEFAULT 0
                ) STRICT;

                CREATE TABLE reinvite_checks (
                    event_id TEXT PRIMARY KEY,
                    job_id INTEGER NOT NULL REFERENCES share_jobs (id),
                    replaced_event_id TEXT
                ) STRICT, WITHOUT ROWID;

                CREATE TABLE identity_pins (
                    user_id TEXT PRIMARY KEY,
                    master_key TEXT NOT NULL,
                    pinned_at INTEGER NOT NULL,
                    by_command INTEGER NOT NULL DEFAULT 0
                ) STRICT, WITHOUT ROWID;

                CREATE TABLE share_pauses (
                    room_id TEXT PRIMARY KEY,
                    paused_at INTEGER NOT NULL
                ) STRICT, WITHOUT ROWID;

                CREATE TABLE share_modes (
                    room_id TEXT PRIMARY KEY,
                    mode TEXT NOT NULL
                ) STRICT, WITHOUT ROWID;

                CREATE TABLE room_holdings (
                    room_id TEXT PRIMARY KEY,
                    shareable INTEGER NOT NULL,
                    not_shareable INTEGER NOT NULL,
                    unknown INTEGER NOT NULL
                ) STRICT, WITHOUT ROWID;
            `);
        },
        (sql) => {
            sql.exec(`
                -- Jobs whose invitee's devices are looked at again.
                CREATE TABLE share_watches (
                    job_id INTEGER PRIMARY KEY REFERENCES share_jobs (id),
                    look_at INTEGER NOT NULL,
                    looks INTEGER NOT NULL DEFAULT 0,
                    joined_at INTEGER
                ) STRICT;
                CREATE INDEX share_watches_by_time ON share_watches (look_at);
            `);
        },
        (sql) => {
            sql.exec(
                "ALTER TABLE share_jobs ADD COLUMN detail TEXT; ALTER TABLE share_job_moves ADD COLUMN detail TEXT",
            );
            createAudit(sql);
            createNotices(sql);
        },
        (sql) => {
            sql.exec(`
                ALTER TABLE share_watches ADD COLUMN answered INTEGER NOT NULL DEFAULT 0;

                -- The request in which each encrypted copy goes out, from before the request until the delivery is on record.
                CREATE TABLE share_sends (
                    delivery_id TEXT NOT NULL,
                    device_id TEXT NOT NULL,
                    job_id INTEGER NOT NULL REFERENCES share_jobs (id),
                    digest TEXT NOT NULL,
                    txn_id TEXT NOT NULL,
                    PRIMARY KEY (delivery_id, device_id)
                ) STRICT, WITHOUT ROWID;
                CREATE INDEX share_sends_by_request ON share_sends (txn_id);
            `);
        },
        (sql) => {
            sql.exec("ALTER TABLE share_job_devices ADD COLUMN since_join INTEGER NOT NULL DEFAULT 0");
        },
        (sql) => sql.exec("CREATE INDEX share_audit_by_job ON share_audit (job_id)"),
        // What each approval was of, as JSON. Of earlier ones: whatever the job was held for before.
        (sql) =>
            sql.exec(`
                ALTER TABLE share_jobs ADD COLUMN approvals TEXT NOT NULL DEFAULT '[]';
                UPDATE share_jobs SET approvals = (
                    SELECT json_group_array(json(iif(detail IS NULL, json_object('reason', reason), json_object('reason', reason, 'detail', detail))))
                    FROM share_job_moves WHERE job_id = share_jobs.id AND state = 'held'
                ) WHERE approved = 1
            `),
        (sql) =>
            sql.exec(`
                -- One row: how long the bot has run. Jobs and joins of before count from now on.
                CREATE TABLE share_clock (ran INTEGER NOT NULL) STRICT;
                INSERT INTO share_clock VALUES (0);
                ALTER TABLE share_jobs ADD COLUMN created_ran INTEGER NOT NULL DEFAULT 0;
                ALTER TABLE share_watches ADD COLUMN joined_ran INTEGER NOT NULL DEFAULT 0;
            `),
        createSendings,
        // Before which the homeserver does not want to be asked; of meaning while a job waits for it.
        (sql) => sql.exec("ALTER TABLE share_jobs ADD COLUMN not_before INTEGER"),
        // When the job was last moved, by RunningClock. Jobs of before count from now on.
        (sql) => sql.exec("ALTER TABLE share_jobs ADD COLUMN moved_ran INTEGER NOT NULL DEFAULT 0"),
        (sql) =>
            sql.exec(`
                -- 1: the bot makes the invite itself; invite_event_id is empty until it has.
                ALTER TABLE share_jobs ADD COLUMN makes_invite INTEGER NOT NULL DEFAULT 0;
                -- Of the invitee: missing, there, or late; NULL: nobody has asked.
                ALTER TABLE share_jobs ADD COLUMN account TEXT;
                -- When the invitee joined on the bot's own invite, and since when the homeserver refuses what the job asks: by RunningClock.
                ALTER TABLE share_jobs ADD COLUMN joined_ran INTEGER;
                UPDATE share_jobs SET joined_ran = (SELECT joined_ran FROM share_watches WHERE job_id = share_jobs.id) WHERE state = 'joined';
                ALTER TABLE share_jobs ADD COLUMN refused_ran INTEGER;
                -- 1: the bot took the place of the inviter, and has sent nothing yet.
                ALTER TABLE share_jobs ADD COLUMN place_taken INTEGER NOT NULL DEFAULT 0;
                CREATE INDEX share_jobs_by_reason ON share_jobs (state, reason);
                -- A decline binds nobody any more.
                UPDATE share_jobs SET next_attempt_at = 0 WHERE state = 'delivered' AND reason = 'declined_lately';
            `),
        createFollowedRooms,
        (sql) =>
            sql.exec(`
                -- Jobs for which the crypto worker encrypts, and for which it did when the bot ended.
                CREATE TABLE share_sealings (
                    job_id INTEGER PRIMARY KEY REFERENCES share_jobs (id),
                    under_way INTEGER NOT NULL,
                    -- How often the bot ended meanwhile, and from when on it is tried again.
                    ends INTEGER NOT NULL DEFAULT 0,
                    not_before INTEGER NOT NULL DEFAULT 0
                ) STRICT;
            `),
        // 1: a marked invite took the place of the one that it names; the invite was made for an e-mail address, say.
        (sql) =>
            sql.exec(
                `ALTER TABLE share_jobs ADD COLUMN replaces_named INTEGER NOT NULL DEFAULT 0;
                 ALTER TABLE share_jobs ADD COLUMN by_third_party INTEGER NOT NULL DEFAULT 0`,
            ),
        // Of `running_clock` now, which has taken it over. What was put off far was put off by a clock that went wrong.
        (sql) =>
            sql.exec(`
                DROP TABLE share_clock;
                UPDATE share_jobs SET next_attempt_at = 0 WHERE next_attempt_at > unixepoch() * 1000 + 86400000;
                UPDATE share_jobs SET not_before = 0 WHERE not_before > unixepoch() * 1000 + 86400000;
                UPDATE share_watches SET look_at = 0 WHERE look_at > unixepoch() * 1000 + 86400000;
            `),
    ],
};
