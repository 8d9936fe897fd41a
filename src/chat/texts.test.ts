import { expect, test } from "vitest";
import { greeting, type GreetingFacts } from "./texts.ts";

const set: GreetingFacts = { visibility: "shared", canInvite: true, shareable: 0, since: undefined };

test.each<[string, Partial<GreetingFacts>, string[], string[]]>([
    ["where all is set, nothing is missing", {}, ["Everything is set", "from now on; earlier messages only if"], ["missing"]],
    ["keys that are there already are said", { shareable: 12 }, ["earlier messages of 12 sessions"], ["only if"]],
    [
        "and since when, where that is known",
        { shareable: 12, since: "2026-11-02" },
        ["written since 2026-11-02, and"],
        ["sessions", "only if"],
    ],
    ["closed history is named with its setting", { visibility: "joined" }, ["What is missing", '"joined"'], ["Everything is set"]],
    ["so is a setting that nobody understands", { visibility: "unknown" }, ["set it anew"], ["Everything is set"]],
    ["and so is the power to invite", { canInvite: false }, ["power to invite"], ["Everything is set"]],
])("%s", (_, facts, said, unsaid) => {
    const text = greeting({ ...set, ...facts });
    for (const part of said) expect(text).toContain(part);
    for (const part of unsaid) expect(text).not.toContain(part);
});
