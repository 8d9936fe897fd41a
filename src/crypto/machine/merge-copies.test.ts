import { expect, test } from "vitest";
import type { Origin } from "./entry-rows.ts";
import type { FlagFacts, Sighting, Verdict } from "./flags.ts";
import { type Given, mergeGiven, mergeReported, type Word } from "./merge-copies.ts";

const alice = "@alice:home";
const mallory = "@mallory:home";
const none = { receivedFrom: undefined, receivedAt: undefined, givenBy: undefined };

/** What we have of a session, from its fifth message on, by where it came from. */
const rows = {
    sent: { claim: "true", machineFlag: false, firstIndex: 5, ...none, receivedFrom: alice, receivedAt: 1, verdict: "shareable" },
    closed: { claim: "false", machineFlag: true, firstIndex: 5, ...none, receivedFrom: alice, receivedAt: 1, verdict: "withheld" },
    imported: { claim: "none", machineFlag: true, firstIndex: 5, ...none, verdict: "shareable" },
    unknown: { claim: "none", machineFlag: false, firstIndex: 5, ...none, verdict: "unknown" },
    given: { claim: "none", machineFlag: true, firstIndex: 5, ...none, givenBy: "@first:home", verdict: "shareable" },
} as const satisfies Record<string, FlagFacts & Sighting & Origin & { readonly verdict: Verdict }>;

type Row = keyof typeof rows;

const open = { claim: "none", machineFlag: true } as const;
const key = (flags: object, origin: object): object => ({ change: "key", flags, origin: { ...none, ...origin } });
const of = ({ claim, machineFlag }: (typeof rows)[Row]): object => ({ claim, machineFlag });
const bySender = { receivedFrom: alice, receivedAt: 1 };

test.each<[string, Row | undefined, number, object, object | Given["change"]]>([
    ["a session that nobody has", undefined, 5, {}, "new"],
    ["one that is there under another sender's key", undefined, 5, { another: true }, "refused"],
    ["a later copy", "sent", 6, { sameSession: false }, "nothing"],
    ["the same copy", "sent", 5, {}, "nothing"],
    ["another key at the same place", "sent", 5, { sameSession: false }, "refused"],
    ["a key further back that leads nowhere", "sent", 0, { sameSession: false }, "refused"],
    ["one that leads to the sender's", "sent", 0, {}, key(of(rows.sent), { ...bySender, givenBy: mallory })],
    ["one that leads to what the sender closed", "closed", 0, {}, key(of(rows.closed), { ...bySender, givenBy: mallory })],
    ["one that leads to the operator's", "imported", 0, {}, key(open, {})],
    ["one that leads to what nobody has spoken of", "unknown", 0, {}, key(open, {})],
    ["a copy of what nobody has spoken of", "unknown", 5, {}, "flag"],
    ["a later one", "unknown", 6, {}, "nothing"],
    ["a forged one", "unknown", 5, { sameSession: false }, "refused"],
    ["one that leads to what another gave", "given", 0, {}, key(open, { givenBy: "@first:home" })],
])("given %s", (_, row, firstIndex, { another = false, sameSession = true }: { another?: boolean; sameSession?: boolean }, expected) => {
    const asked = { another: () => another, sameSession: () => sameSession };
    const given = mergeGiven(row && rows[row], { firstIndex, giver: mallory }, asked);
    expect(given).toEqual(typeof expected === "string" ? { change: expected } : expected);
});

const says = (claim: Word["claim"]): Word => ({ claim, sender: alice, at: 7 });
const heard = { receivedFrom: alice, receivedAt: 7, givenBy: undefined };

test.each<[string, number, boolean, Word | undefined, boolean, boolean, object, object]>([
    // A copy from this index on, with the machine's flag, after a word: does the other lead to it? Whose key stays, with which flags and origin?
    ["the sender's yes", 8, false, says("true"), true, true, { claim: "true", machineFlag: false }, { ...heard, givenBy: "@first:home" }],
    ["the sender's no", 8, false, says("false"), true, true, { claim: "false", machineFlag: false }, { ...heard, givenBy: "@first:home" }],
    ["their silence", 8, false, says("absent"), true, true, { claim: "absent", machineFlag: false }, { ...heard, givenBy: "@first:home" }],
    ["their copy of another key", 8, true, says("absent"), false, false, { claim: "absent", machineFlag: true }, heard],
    ["their copy from further back", 2, false, says("true"), true, false, { claim: "true", machineFlag: false }, heard],
    ["a silent import", 8, false, undefined, true, true, open, { ...none, givenBy: "@first:home" }],
    ["a silent import of another key", 8, false, undefined, false, false, { claim: "none", machineFlag: false }, none],
])("given before %s", (_, firstIndex, machineFlag, word, sameSession, keepsKey, flags, origin) => {
    const merged = mergeReported(rows.given, { firstIndex, machineFlag }, word, { own: false, sameSession: () => sameSession });
    expect(merged).toEqual({ keepsKey, flags, origin });
});

test.each<[string, number, Word | undefined, boolean, boolean, object]>([
    ["the sender's no", 3, says("false"), true, true, { claim: "false", machineFlag: false }],
    ["the sender's no, of the same copy", 0, says("false"), true, false, { claim: "false", machineFlag: false }],
    ["the sender's yes again", 3, says("true"), true, true, of(rows.sent)],
    ["a silent import", 3, undefined, true, true, of(rows.sent)],
    // The last part of a ratchet that is hashed anew before the copy that we had: whoever gives it can make it up.
    ["a silent import to which it does not lead", 3, undefined, false, false, of(rows.sent)],
])(
    "what reaches further back than the sender's copy is not weighed against a bundle's: %s",
    (_, firstIndex, word, sameSession, keepsKey, flags) => {
        const known = { ...rows.sent, givenBy: mallory, firstIndex: 0 };
        const merged = mergeReported(known, { firstIndex, machineFlag: false }, word, { own: false, sameSession: () => sameSession });
        expect(merged).toEqual({ keepsKey, flags, origin: { ...bySender, givenBy: keepsKey ? mallory : undefined } });
    },
);
