import { expect, test } from "vitest";
import type { Likelihood } from "../evidence/weigh.ts";
import { compare, type Comparison, type ComparisonFacts, type Counted } from "./compare.ts";

const nothing: Counted = { reach: "start", complete: false, events: 0, covered: 0, withheld: 0, notTheirs: 0 };
const alice = "@alice:home";
const facts: ComparisonFacts = {
    setting: "when_better",
    thresholds: { proven: 95, likely: 70 },
    inviter: alice,
    weighed: { likelihood: "likely", because: "machine_flag" },
    usable: "yes",
    counted: { ...nothing, events: 100, covered: 70 },
};
const counts = (
    likelihood: Likelihood,
    counted: Partial<Counted>,
    more: Partial<ComparisonFacts> = {},
): ComparisonFacts => ({
    ...facts,
    weighed: { likelihood, because: "nothing_known" },
    counted: { ...nothing, events: 100, ...counted },
    ...more,
});
const whole = (counted: Partial<Counted>, more: Partial<ComparisonFacts> = {}): ComparisonFacts =>
    counts("hardly", counted, { setting: "when_complete", ...more });
const freely = { thresholds: { proven: 0, likely: 0 } };
const uncounted = { counted: undefined };

test.each<[string, ComparisonFacts, Comparison["outcome"]]>([
    ["likely: exactly enough", counts("likely", { covered: 70 }), "better"],
    ["likely: one less", counts("likely", { covered: 69 }), "worse"],
    ["proven: exactly enough", counts("proven", { covered: 95 }), "better"],
    ["proven: one less", counts("proven", { covered: 94 }), "worse"],
    ["proven: a hair less", counts("proven", { events: 100_000, covered: 94_999 }), "worse"],
    [
        "the thresholds are a setting",
        counts("proven", { covered: 94 }, { thresholds: { proven: 94, likely: 70 } }),
        "better",
    ],
    ["decimals count", counts("likely", { covered: 70 }, { thresholds: { proven: 95, likely: 70.5 } }), "worse"],
    ["a threshold of nothing still asks for a key", counts("likely", {}, { ...freely, usable: "no" }), "worse"],
    [
        "a threshold of nothing, and nobody looked for a key",
        counts("likely", {}, { ...freely, usable: "unknown" }),
        "worse",
    ],
    ["a key is of use by now, and the count is older", counts("likely", {}), "unknown"],
    ["so it is where all that it knows is withheld", counts("likely", { covered: 100, withheld: 100 }), "unknown"],
    ["where one key is enough, nobody waits for that", counts("hardly", {}), "better"],
    ["likely: the beginning is looked for", counts("likely", { covered: 100, reach: "under_way" }), "unknown"],
    ["proven: the beginning is looked for", counts("proven", { covered: 0, reach: "under_way" }), "unknown"],
    ["likely: nothing was counted", counts("likely", {}, uncounted), "unknown"],
    ["likely: the search was cut, and what is known counts", counts("likely", { covered: 70, reach: "cut" }), "better"],
    ["proven: the search was cut, and what is known counts", counts("proven", { covered: 70, reach: "cut" }), "worse"],
    ["being complete back to what was given is not enough", counts("proven", { covered: 50, complete: true }), "worse"],

    ["hardly: one message", counts("hardly", { covered: 1 }), "better"],
    ["no: one message", counts("no", { covered: 1 }), "better"],
    ["hardly: the beginning is looked for", counts("hardly", { covered: 1, reach: "under_way" }), "better"],
    ["hardly: nothing was counted", counts("hardly", {}, uncounted), "better"],
    [
        "no: nothing was counted, and nobody looked for a key",
        counts("no", {}, { ...uncounted, usable: "unknown" }),
        "unknown",
    ],

    ["no key opens anything: likely", counts("likely", { covered: 100 }, { usable: "no" }), "worse"],
    ["no key opens anything: hardly", counts("hardly", {}, { usable: "no" }), "worse"],
    ["no key opens anything: no", counts("no", {}, { ...uncounted, usable: "no" }), "worse"],
    ["no key opens anything: when_complete", whole({ complete: true }, { usable: "no" }), "worse"],

    ["withheld messages count on neither side: enough", counts("likely", { covered: 97, withheld: 90 }), "better"],
    ["withheld messages count on neither side: not enough", counts("likely", { covered: 96, withheld: 90 }), "worse"],
    ["everything is withheld", counts("likely", { covered: 100, withheld: 100 }, { usable: "no" }), "worse"],
    ["what came before the inviter is not theirs: enough", counts("proven", { covered: 38, notTheirs: 60 }), "better"],
    [
        "what came before the inviter is not theirs: not enough",
        counts("proven", { covered: 37, notTheirs: 60 }),
        "worse",
    ],

    ["when_complete: as `status` says", whole({ covered: 95, complete: true }), "better"],
    ["when_complete: back to what was given", whole({ covered: 50, complete: true, reach: "under_way" }), "better"],
    ["when_complete: whoever invites", whole({ covered: 94 }), "worse"],
    ["when_complete: what came before the inviter counts", whole({ covered: 38, notTheirs: 60 }), "worse"],
    ["when_complete: the beginning is looked for", whole({ covered: 99, reach: "under_way" }), "unknown"],
    ["when_complete: nothing was counted", whole({}, uncounted), "unknown"],
    ["when_complete: the search was cut", whole({ covered: 99, reach: "cut" }), "worse"],
])("%s", (_, given, outcome) => expect(compare(given).outcome).toBe(outcome));

const likely = "@alice:home's client is likely to share history (nothing is known of their client)";

test.each<[ComparisonFacts, string]>([
    [
        { ...facts, counted: { ...nothing, events: 12, covered: 10 } },
        "the bot can hand on 10 of the room's 12 messages (83 %); " +
            "@alice:home's client is likely to share history (their client marks its keys as clients do that share history), so 70 % are enough",
    ],
    [
        counts("proven", { events: 1_000, covered: 949 }),
        "the bot can hand on 949 of the room's 1000 messages (94 %); " +
            "@alice:home's client shares history (nothing is known of their client), so 95 % would be needed",
    ],
    [
        counts("likely", { events: 1_000, covered: 949 }, { thresholds: { proven: 95, likely: 94.85 } }),
        `the bot can hand on 949 of the room's 1000 messages (94.9 %); ${likely}, so 94.85 % are enough`,
    ],
    [
        counts("likely", { events: 20, covered: 12, withheld: 8, reach: "cut" }),
        `the bot can hand on 4 of the room's 12 known shareable messages (33 %); ${likely}, so 70 % would be needed`,
    ],
    [
        counts("likely", { events: 8, covered: 1, notTheirs: 7 }),
        "the bot can hand on 1 of the room's 1 message (100 %), " +
            "not counting 7 from before its own invite brought @alice:home in; " +
            `${likely}, so 70 % are enough`,
    ],
    [
        counts("likely", { events: 10, covered: 10, reach: "under_way" }),
        "the room's beginning is still looked for, " +
            "and so far the bot can hand on 10 of the room's 10 known messages (100 %); " +
            `${likely}, so 70 % have to be reached`,
    ],
    [
        counts("hardly", {}, uncounted),
        "the room's messages are still being counted; " +
            "@alice:home's client is unlikely to share history (nothing is known of their client), so one key that opens anything is enough",
    ],
    [
        counts("no", { covered: 1 }),
        "the bot can hand on 1 of the room's 100 messages (1 %); " +
            "@alice:home's client cannot share history (nothing is known of their client), so one key that opens anything is enough",
    ],
    [
        counts("no", {}, { usable: "no" }),
        "the bot holds no key that a known message of this room uses: its bundle would open nothing",
    ],
    [
        whole({ covered: 94 }),
        "the bot covers 94 % of the room's 100 messages; sharing.reinvite: when_complete asks for 95 %, whoever invites",
    ],
    [
        whole({ covered: 50, complete: true }),
        "the bot covers 50 % of the room's 100 messages, and 95 % or more of those back to what it was given; " +
            "sharing.reinvite: when_complete asks for 95 %, whoever invites",
    ],
    [
        whole({}, uncounted),
        "the room's messages are still being counted; sharing.reinvite: when_complete asks for 95 %, whoever invites",
    ],
])("both sides, for people (%#)", (given, sentence) => expect(compare(given).sentence).toBe(sentence));
