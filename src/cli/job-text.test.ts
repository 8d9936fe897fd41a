import { expect, test } from "vitest";
import type { JobStory } from "../sharing/index.ts";
import { jobText } from "./job-text.ts";

const now = Date.parse("2026-02-01T12:00:00Z");

const job: JobStory = {
    id: "17",
    room_id: "!a:hs",
    user_id: "@charlie:hs",
    inviter: "@alice:hs",
    state: "queued",
    reason: "homeserver_unavailable",
    message: "The homeserver did not answer as it should; this is tried again.",
    attempts: 1,
    next_attempt_at: "2026-02-01T12:00:03Z",
    devices: [{ device_id: "PHONE", state: "not_cross_signed", updated_at: "2026-02-01T11:59:50Z" }],
    created_at: "2026-02-01T11:59:40Z",
    updated_at: "2026-02-01T11:59:50Z",
    origin: "invite",
    approved: false,
    next_step: "Nothing: it goes on by itself. To stop it: `backscroll cancel 17`.",
    given: [],
    makes_invite: false,
    story: [
        {
            at: "2026-02-01T11:59:40.000Z",
            state: "queued",
            reason: "invited",
            message: "The invite has been seen; the delivery is about to start.",
        },
        {
            at: "2026-02-01T11:59:50.000Z",
            state: "queued",
            reason: "homeserver_unavailable",
            message: "The homeserver did not answer as it should; this is tried again.",
        },
    ],
};

test("a job's story reads like this", () => {
    expect(jobText(job, now)).toMatchInlineSnapshot(`
      "Job           17, queued
      Room          !a:hs
      Invitee       @charlie:hs
      Inviter       @alice:hs
      Asked for by  the invite
      Why           The homeserver did not answer as it should; this is tried again.
      What to do    Nothing: it goes on by itself. To stop it: \`backscroll cancel 17\`.
      Next try      in 3 s
      Failed tries  1

      Story:
        WHEN                      STATE   WHY
        2026-02-01T11:59:40.000Z  queued  The invite has been seen; the delivery is about to start.
        2026-02-01T11:59:50.000Z  queued  The homeserver did not answer as it should; this is tried again.

      Devices: 1
        DEVICE  STATE             SINCE     THAT MEANS
        PHONE   not_cross_signed  10 s ago  not signed by the user's identity, so it is given nothing"
    `);
});

test("what was given stands below, with how many sessions", () => {
    const given = [
        {
            at: "2026-02-01T11:59:55.000Z",
            devices: ["PHONE", "LAPTOP"],
            sessions: 12,
            file: "mxc://hs/abc",
            sent: "yes",
        },
    ] as const;
    expect(jobText({ ...job, origin: "command", approved: true, given }, now)).toMatch(
        /^Asked for by +`backscroll share`, approved by a person$[^]*\n\nKeys sent: once\n +WHEN +SENT +SESSIONS +TO +FILE\n +2026-02-01T11:59:55.000Z +yes +12 +PHONE, LAPTOP +mxc:\/\/hs\/abc$/m,
    );
});

test("a job that has addressed nobody says so", () => {
    expect(jobText({ ...job, devices: [] }, now)).toMatch(/\nDevices: none was addressed\.$/);
});
