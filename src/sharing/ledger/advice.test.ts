import { expect, test } from "vitest";
import { advice } from "./advice.ts";
import { type Reason, reasons } from "./reasons.ts";
import { states } from "./states.ts";

const job = { id: "17", roomId: "!room:home", userId: "@charlie:home" };
const codes = Object.keys(reasons).filter((code): code is Reason => code in reasons);

test("whatever state a job is in, and for whatever reason, there is something to say about what comes next", () => {
    for (const state of states)
        for (const reason of codes)
            expect(advice({ ...job, state, reason }), `${state} ${reason}`).toMatch(/^.{10,300}\.$/);
});

test.each<[(typeof states)[number], Reason, string]>([
    ["held", "waits_for_approval", "`backscroll approve 17`"],
    ["held", "looks_like_member", "`backscroll approve 17`"],
    ["held", "identity_changed", "`backscroll trust @charlie:home --key FINGERPRINT`"],
    ["held", "paused", "`backscroll resume`"],
    ["held", "no_power_to_invite", "power to invite"],
    ["failed", "upload_refused", "`backscroll share '!room:home' @charlie:home`"],
    ["refused", "only_by_command", "`backscroll share '!room:home' @charlie:home`"],
    ["queued", "homeserver_unavailable", "goes on by itself"],
    ["cancelled", "invite_withdrawn", "invite them again"],
])("%s, %s: %s", (state, reason, said) => {
    expect(advice({ ...job, state, reason })).toContain(said);
});

test("a changed identity cannot be approved, so nobody is told to", () => {
    expect(advice({ ...job, state: "held", reason: "identity_changed" })).not.toContain("approve");
});

test("an ID with a quote in it stays one word of the command", () => {
    const text = advice({
        ...job,
        roomId: "!a'; rm -rf ~; ':evil",
        userId: "@$(id):evil",
        state: "failed",
        reason: "upload_refused",
    });
    expect(text).toContain("share '!a'\\''; rm -rf ~; '\\'':evil' '@$(id):evil'`");
});
