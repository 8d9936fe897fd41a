import { expect, test } from "vitest";
import type { Stretch } from "./coverage.ts";
import { atOnce } from "./testing/at-once.ts";
import { sendersWithoutSigns } from "./signs-of-sharing.ts";

const stretch = (sender: string, session: NonNullable<Stretch["session"]>, at: number, given = false): Stretch => ({
    sender,
    session,
    at,
    given,
    events: 1,
    covered: session !== "missing",
});
const proof = stretch("@bot:home", "shareable", 10);

test.each<[string, readonly Stretch[], readonly string[]]>([
    ["nobody has said anything", [], []],
    ["a client that marks its keys", [proof, stretch("@alice:home", "shareable", 20)], []],
    ["a client that does not, while history is open", [proof, stretch("@alice:home", "withheld", 20)], ["@alice:home"]],
    ["one of their clients does", [proof, stretch("@alice:home", "withheld", 20), stretch("@alice:home", "shareable", 5)], []],
    ["nothing proves that history was open then", [proof, stretch("@alice:home", "withheld", 5)], []],
    ["nothing proves that it ever was", [stretch("@alice:home", "withheld", 20)], []],
    ["a key of theirs that says nothing", [proof, stretch("@alice:home", "withheld", 20), stretch("@alice:home", "unknown", 30)], []],
    ["keys of theirs that somebody imported", [proof, stretch("@alice:home", "withheld", 20, true)], []],
    ["keys that never came", [proof, stretch("@alice:home", "missing", 20)], []],
])("%s", (_, stretches, senders) => {
    expect(atOnce(sendersWithoutSigns(stretches))).toEqual(senders);
});
