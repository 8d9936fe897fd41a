import { expect, test } from "vitest";
import { alice, change, charlie } from "./testing/room.ts";
import { originOf } from "./reinvite/reinvite-mark.ts";

const human = { byAnotherBot: false, replacesNamed: false, byThirdParty: false };
const marked = { "org.backscroll.reinvite": { event_id: "$first" } };
const known = (eventId: string) =>
    ({ userId: charlie, membership: "invite", eventId, sender: alice, isDirect: false }) as const;
const told = (more: Parameters<typeof change>[3], previous?: ReturnType<typeof known>) => ({
    ...change("invite", "$second", alice, more),
    previous,
});

test.each<[string, Parameters<typeof originOf>[0], object]>([
    ["a human's invite", told({}), human],
    [
        "a mark that names what the invite took the place of",
        told({ content: marked, replacesState: "$first" }),
        { byAnotherBot: true, replacesNamed: true },
    ],
    [
        "a mark that names something else",
        told({ content: marked, replacesState: "$leave" }),
        { byAnotherBot: true, replacesNamed: false },
    ],
    [
        "what it took the place of is not told, and was known",
        told({ content: marked }, known("$first")),
        { byAnotherBot: true, replacesNamed: true },
    ],
    [
        "what was known is not what the homeserver says",
        told({ content: marked, replacesState: "$other" }, known("$first")),
        { replacesNamed: false },
    ],
    ["nobody knows what it took the place of", told({ content: marked }), { byAnotherBot: true, replacesNamed: false }],
    [
        "a mark that names nothing",
        told({ content: { "org.backscroll.reinvite": { event_id: "" } } }),
        { byAnotherBot: true, replacesNamed: false },
    ],
    [
        "an invite for an e-mail address",
        told({ content: { third_party_invite: { display_name: "c...@home" } } }),
        { byThirdParty: true },
    ],
    ["the same, malformed", told({ content: { third_party_invite: 5 } }), { byThirdParty: true }],
])("%s", (_, invite, origin) => expect(originOf(invite)).toMatchObject(origin));

test.each<[string, string, boolean]>([
    ["the same invite, in the same moment", "$first", true],
    ["another one", "$other", false],
])("a bot that took the place of ours, and repeats %s", (_, repeatedByUs, replacesNamed) => {
    const crossed = told({ content: marked, replacesState: "$ours" }, known("$ours"));
    expect(originOf(crossed, repeatedByUs)).toMatchObject({ replacesNamed });
});
