import { expect, test } from "vitest";
import type { AuditedDelivery } from "../sharing/index.ts";
import { auditText } from "./audit-text.ts";

const given: AuditedDelivery = {
    at: "2026-02-01T12:00:00.000Z",
    job_id: "17",
    room_id: "!a:hs",
    user_id: "@charlie:hs",
    inviter: "@alice:hs",
    identity: "A".repeat(43),
    devices: ["PHONE", "LAPTOP"],
    sessions: 12,
    file: "mxc://hs/abc",
    sent: "yes",
    policy: { mode: "automatic", visibility: "shared", origin: "invite", approved: false },
};

test("an audit reads like this", () => {
    const asked: AuditedDelivery = { ...given, policy: { ...given.policy, mode: "command", origin: "command" } };
    const approved: AuditedDelivery = { ...given, policy: { ...given.policy, mode: "approval", approved: true } };
    const lost: AuditedDelivery = { ...given, sent: "unknown" };
    expect(auditText({ schema: 1, deliveries: [given, asked, approved, lost] })).toMatchInlineSnapshot(`
      "Deliveries: 4, newest first
        WHEN                      SENT                  USER         ROOM   DEVICES        SESSIONS  IDENTITY                                     INVITED BY  ALLOWED BY                                   JOB  FILE
        2026-02-01T12:00:00.000Z  yes                   @charlie:hs  !a:hs  PHONE, LAPTOP  12        AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA  @alice:hs   mode automatic, visibility shared            17   mxc://hs/abc
        2026-02-01T12:00:00.000Z  yes                   @charlie:hs  !a:hs  PHONE, LAPTOP  12        AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA  @alice:hs   mode command, by command, visibility shared  17   mxc://hs/abc
        2026-02-01T12:00:00.000Z  yes                   @charlie:hs  !a:hs  PHONE, LAPTOP  12        AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA  @alice:hs   mode approval, \`approve\`, visibility shared  17   mxc://hs/abc
        2026-02-01T12:00:00.000Z  sent or not, unknown  @charlie:hs  !a:hs  PHONE, LAPTOP  12        AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA  @alice:hs   mode automatic, visibility shared            17   mxc://hs/abc"
    `);
});

test("an empty audit says so", () => {
    expect(auditText({ schema: 1, deliveries: [] })).toBe("Nobody was given anything.");
});

test("a name with a line break in it makes no row of its own", () => {
    const text = auditText({ schema: 1, deliveries: [{ ...given, devices: ["PHONE\n2026-02-01 @dora:hs"] }] });
    expect(text.split("\n")).toHaveLength(3);
});
