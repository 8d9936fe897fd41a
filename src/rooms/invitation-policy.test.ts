import { expect, test } from "vitest";
import { answerTo } from "./invitation-policy.ts";

test.each([
    [["@alice:home"], "@alice:home", "accept"],
    [["@alice:home"], "@alice:home.evil", "reject"],
    [["@alice:home"], "@ALICE:home", "reject"],
    [["@*:home"], "@bob:home", "accept"],
    [["@*:home"], "@bob:other", "reject"],
    [["@*:home"], "@bob:home:8448", "reject"],
    [["@a?:home"], "@ab:home", "accept"],
    [["@a?:home"], "@a:home", "reject"],
    [["*"], "@anybody:anywhere", "accept"],
    [["@*-admin:*.home"], "@x-admin-admin:a.b.home", "accept"],
    [["@.+:home"], "@bob:home", "reject"],
    [["@x:home", "@bob:home"], "@bob:home", "accept"],
    [[], "@alice:home", "reject"],
])("invites.from %o, invited by %s: %s", (from, inviter, answer) => {
    expect(answerTo(inviter, { from, others: "reject" })).toBe(answer);
});

test("others are left pending if the configuration says so", () => {
    expect(answerTo("@bob:home", { from: [], others: "leave_pending" })).toBe("leave_pending");
});

test("a pattern of many stars comes to its end, which one that tries all ways would not", () => {
    expect(answerTo(`@${"a".repeat(250)}`, { from: [`${"*a".repeat(100)}b`], others: "reject" })).toBe("reject");
});
