import { expect, test } from "vitest";
import { emptyStatus, type StatusReport } from "../control/index.ts";
import { statusText } from "./status-text.ts";

const now = Date.parse("2026-02-01T12:00:00Z");

const report: StatusReport = {
    ...emptyStatus("1.2.3"),
    running: true,
    paused: { all: false, rooms: ["!quiet:hs"] },
    sync: { last_success_at: "2026-02-01T11:59:48Z" },
    account: {
        user_id: "@bot:hs",
        device_id: "ABCDEF",
        fingerprint: "f".repeat(43),
        cross_signed: true,
        identity: { state: "ours", since: null, published: null, message: null },
        backup: "none",
        recovery: "in_data_dir",
    },
    store: { check: "sound", checked_at: "2026-02-01T11:30:00Z", message: null },
    rooms: [
        {
            room_id: "!a:hs",
            mode: "automatic",
            visibility: "shared",
            can_invite: false,
            joined_at: "2026-01-30T12:00:00Z",
            covers_since: "2026-01-31T11:00:00Z",
            sessions: { shareable: 12, not_shareable: 3, unknown: 0, missing: 2 },
            coverage: {
                reach: "start",
                complete: false,
                events: 40,
                covered: 30,
                withheld: 0,
                withheld_from_bot: { sessions: 0, senders: [] },
            },
            received_bundle: {
                from: "@eve:hs",
                state: "taken",
                reason: null,
                message: "was given the keys of 9 sessions by @eve:hs, who invited the bot.",
                keys: 9,
                withheld: 0,
                changed_at: "2026-01-30T12:00:00Z",
            },
            problems: [{ code: "no_power_to_invite", message: "Give the bot the power to invite." }],
        },
    ],
    invites: [{ room_id: "!b:hs", inviter: "@eve:elsewhere", since: "2026-02-01T10:00:00Z" }],
    jobs: [
        {
            id: "j2",
            room_id: "!a:hs",
            user_id: "@charlie:hs",
            inviter: "@alice:hs",
            state: "queued",
            reason: "homeserver_unavailable",
            message: "The homeserver did not answer as it should; this is tried again.",
            attempts: 2,
            next_attempt_at: "2026-02-01T12:00:30Z",
            devices: [
                { device_id: "X", state: "sent", updated_at: "2026-02-01T11:55:00Z" },
                { device_id: "Y", state: "no_session", updated_at: "2026-02-01T11:55:00Z" },
            ],
            created_at: "2026-02-01T11:50:00Z",
            updated_at: "2026-02-01T11:59:59.500Z",
        },
    ],
};

test("the status reads like this", () => {
    expect(statusText(report, now)).toMatchInlineSnapshot(`
      "Backscroll    1.2.3, running
      Last sync     12 s ago
      Account       @bot:hs, device ABCDEF, cross-signed
      Fingerprint   fffffffffffffffffffffffffffffffffffffffffff
      Recovery key  still in the data folder: move it to a safe place
      Key backup    none
      Crypto store  read whole 30 min ago, nothing in it is damaged
      Paused        !quiet:hs

      Rooms: 1
        ROOM   MODE       VISIBILITY  MAY INVITE  JOINED      COVERS SINCE  SHAREABLE  NOT SHAREABLE  UNKNOWN  MISSING
        !a:hs  automatic  shared      no          2 days ago  25 h ago      12         3              0        2
        !a:hs covers 75 % of the 40 encrypted messages, and at least 95 % of those since 2026-01-31.
        !a:hs misses the keys of 2 sessions: \`backscroll import-keys\` takes them from whoever has them.
        !a:hs was given the keys of 9 sessions by @eve:hs, who invited the bot.
      ! !a:hs: Give the bot the power to invite.

      Invites to the bot, left pending: 1
        ROOM   INVITER         SINCE
        !b:hs  @eve:elsewhere  2 h ago

      Share jobs: 1, newest first
        JOB  STATE   USER         ROOM   SENT TO  CHANGED   WHY
        j2   queued  @charlie:hs  !a:hs  1 of 2   just now  The homeserver did not answer as it should; this is tried again. Next try in 30 s."
    `);
});

test("damage in the crypto store is told with what to do", () => {
    const message = "The store /data/crypto.sqlite is damaged: record 7. Restore the newest snapshot.";
    const store = { check: "damaged", checked_at: "2026-02-01T11:30:00Z", message } as const;
    expect(statusText({ ...report, store }, now)).toContain(`Crypto store  ! ${message} (found 30 min ago)`);
});

test("an identity that is not ours any more is told with what to do", () => {
    const message = "The homeserver publishes another one. Start the bot again.";
    const identity = { state: "replaced", since: "2026-02-01T11:30:00Z", published: "f".repeat(43), message } as const;
    const text = statusText({ ...report, account: { ...report.account, cross_signed: false, identity } }, now);
    expect(text).toContain("Account       @bot:hs, device ABCDEF, not cross-signed\n");
    expect(text).toContain(`Identity      ! ${message} (found 30 min ago)`);
});

test("and before the first start like this", () => {
    expect(statusText(emptyStatus("1.2.3"), now)).toMatchInlineSnapshot(`
      "Backscroll    1.2.3, not running
      Last sync     never
      Account       none yet: the first \`backscroll run\` logs in
      Recovery key  none
      Key backup    none

      Rooms: none. Invite the bot into one, as a user of invites.from.

      Share jobs: none."
    `);
});

test("keys that nobody can read are told with their sender", () => {
    const unreadable_keys = [
        { user_id: "@alice:hs", keys: 3, last_at: "2026-02-01T11:00:00Z" },
        { user_id: "@bob:hs", keys: 1, last_at: "2026-02-01T11:59:00Z" },
    ];
    const text = statusText({ ...report, unreadable_keys }, now);
    expect(text).toMatch(/^! 3 room keys of @alice:hs could not be read, the last 60 min ago: /m);
    expect(text).toMatch(/^! A room key of @bob:hs could not be read, the last 60 s ago: /m);
});
