import { expect, test } from "vitest";
import type { Claim } from "./flags.ts";
import { type Copy, judge, type SessionFacts } from "./session-law.ts";

const alice = "@alice:home";
const mallory = "@mallory:home";
const inviter = "@inviter:home";

/** A copy, and whether its ratchet is the session's. */
interface TestCopy extends Copy {
    readonly real: boolean;
}

const yes = { claim: "true", machineFlag: false } as const;
const no = { claim: "false", machineFlag: false } as const;
const silent = { claim: "absent", machineFlag: false } as const;

function sent(by: string, from: number, flags: { readonly claim: Claim; readonly machineFlag: boolean }): TestCopy {
    return { source: "sent", by, senderKey: `key of ${by}`, own: false, firstIndex: from, real: true, ...flags };
}

/** What others hand over names Alice, unless a test says otherwise. */
function handed(source: "import" | "bundle", from: number, more: Partial<TestCopy> = {}): TestCopy {
    const by = source === "bundle" ? inviter : undefined;
    return {
        source,
        by,
        senderKey: `key of ${alice}`,
        own: false,
        firstIndex: from,
        claim: "none",
        machineFlag: true,
        real: true,
        ...more,
    };
}
const imported = (from: number, more?: Partial<TestCopy>): TestCopy => handed("import", from, more);
const given = (from: number, more?: Partial<TestCopy>): TestCopy => handed("bundle", from, more);

type Facts = Partial<Omit<SessionFacts<TestCopy>, "copies" | "agree">>;
const hers: Facts = { owner: alice };
const unknown: Facts = {};

/** The verdict, who brought the copy that newcomers get, from which message on, and under whose name. */
function judged(copies: readonly TestCopy[], facts: Facts): readonly unknown[] {
    const agree = (earlier: TestCopy, later: TestCopy): boolean => earlier.real === later.real;
    const { verdict, chosen } = judge({
        owner: undefined,
        closedBy: [],
        outsiders: new Set<string>(),
        ...facts,
        copies,
        agree,
    });
    if (chosen === undefined) return [verdict];
    const { copy, names } = chosen;
    return [verdict, copy.by ?? copy.source, copy.firstIndex, ...(names === copy ? [] : [names.by ?? names.source])];
}

test.each<[string, readonly TestCopy[], Facts, readonly unknown[]]>([
    // What attacks found.
    ["Mallory's yes, then Alice's no", [sent(mallory, 0, yes), sent(alice, 0, no)], hers, ["withheld", alice, 0]],
    [
        "the same, before an event is known",
        [sent(mallory, 0, yes), sent(alice, 0, no)],
        unknown,
        ["withheld", alice, 0],
    ],
    [
        "withheld in the inviter's bundle, then Mallory's yes",
        [sent(mallory, 0, yes)],
        { ...hers, closedBy: [inviter] },
        ["withheld"],
    ],
    ["the same, before an event is known", [sent(mallory, 0, yes)], { closedBy: [inviter] }, ["withheld", mallory, 0]],
    [
        "Mallory's no from 5, then Alice's yes from 0",
        [sent(mallory, 5, no), sent(alice, 0, yes)],
        hers,
        ["shareable", alice, 0],
    ],
    [
        "Mallory's no from 5, then an import from 0",
        [sent(mallory, 5, no), imported(0)],
        hers,
        ["shareable", "import", 0],
    ],
    ["Mallory's no from 5, then a bundle from 0", [sent(mallory, 5, no), given(0)], hers, ["shareable", inviter, 0]],
    [
        "a bundle from 0, then Mallory's no from 200",
        [given(0), sent(mallory, 200, no)],
        hers,
        ["shareable", inviter, 0],
    ],
    [
        "the same, and Alice's yes from 3",
        [given(0), sent(mallory, 200, no), sent(alice, 3, yes)],
        hers,
        ["shareable", inviter, 0, alice],
    ],
    [
        "a bundle from 0, then Mallory's yes from 200",
        [given(0), sent(mallory, 200, yes)],
        hers,
        ["shareable", inviter, 0],
    ],
    [
        "a stranger's no, then Alice's yes",
        [sent(mallory, 0, no), sent(alice, 0, yes)],
        { outsiders: new Set([mallory]) },
        ["shareable", alice, 0],
    ],
    // Other people's copies.
    ["only Mallory's", [sent(mallory, 0, yes)], hers, ["unknown"]],
    ["only Mallory's, before an event is known", [sent(mallory, 0, yes)], unknown, ["shareable", mallory, 0]],
    ["only a stranger's", [sent(mallory, 0, yes)], { outsiders: new Set([mallory]) }, ["unknown"]],
    [
        "two yeses, before an event is known",
        [sent(mallory, 0, yes), sent(alice, 3, yes)],
        unknown,
        ["shareable", mallory, 0],
    ],
    ["two yeses, and it is Alice's", [sent(mallory, 0, yes), sent(alice, 3, yes)], hers, ["shareable", alice, 3]],
    // Of one sender's copies.
    [
        "Alice's no on another device",
        [sent(alice, 0, yes), { ...sent(alice, 5, no), senderKey: "another" }],
        hers,
        ["withheld", alice, 0],
    ],
    ["Alice's silence", [sent(alice, 0, silent)], hers, ["withheld", alice, 0]],
    ["Alice's silence against an import's yes", [sent(alice, 0, silent), imported(0)], hers, ["withheld", alice, 0]],
    ["the machine's name", [sent(alice, 0, { claim: "absent", machineFlag: true })], hers, ["shareable", alice, 0]],
    // What reaches further back.
    ["a bundle's that leads to Alice's", [sent(alice, 5, yes), given(0)], hers, ["shareable", inviter, 0, alice]],
    ["one that does not", [sent(alice, 5, yes), given(0, { real: false })], hers, ["shareable", alice, 5]],
    [
        "one that names another",
        [sent(alice, 5, yes), given(0, { senderKey: "another" })],
        hers,
        ["shareable", alice, 5],
    ],
    ["an import that leads to Alice's no", [sent(alice, 5, no), imported(0)], hers, ["withheld", "import", 0, alice]],
    ["a later one", [sent(alice, 0, yes), given(5)], hers, ["shareable", alice, 0]],
    // What nobody sent.
    ["an import", [imported(3)], unknown, ["shareable", "import", 3]],
    ["an import without a flag", [imported(3, { machineFlag: false })], unknown, ["unknown", "import", 3]],
    ["the same, and a bundle", [imported(3, { machineFlag: false }), given(5)], unknown, ["shareable", "import", 3]],
    [
        "the same, and a made-up bundle",
        [imported(3, { machineFlag: false }), given(5, { real: false })],
        unknown,
        ["unknown", "import", 3],
    ],
    ["an import, and a bundle that leads to it", [imported(3), given(0)], unknown, ["shareable", inviter, 0, "import"]],
    ["a made-up bundle beside a real copy", [sent(mallory, 5, yes), given(0, { real: false })], hers, ["unknown"]],
    ["a stranger's bundle", [given(0)], { outsiders: new Set([inviter]) }, ["unknown"]],
    // Words without a copy.
    [
        "the inviter's word against Alice's yes",
        [sent(alice, 0, yes)],
        { ...hers, closedBy: [inviter] },
        ["shareable", alice, 0],
    ],
    ["Alice's own word against her yes", [sent(alice, 0, yes)], { ...hers, closedBy: [alice] }, ["withheld", alice, 0]],
    ["the inviter's word against an import", [imported(0)], { closedBy: [inviter] }, ["shareable", "import", 0]],
    ["the inviter's word against another's bundle", [given(0)], { closedBy: ["@other:home"] }, ["withheld"]],
    [
        "a stranger's word",
        [given(0)],
        { closedBy: [mallory], outsiders: new Set([mallory]) },
        ["shareable", inviter, 0],
    ],
    // Ours.
    ["our own of an open room", [ours(true)], unknown, ["shareable", "sent", 0]],
    ["our own of a closed room", [ours(false)], unknown, ["withheld", "sent", 0]],
])("%s", (_, copies, facts, expected) => {
    expect(judged(copies, facts)).toEqual(expected);
    expect(judged(copies.toReversed(), facts)).toEqual(expected);
});

function ours(machineFlag: boolean): TestCopy {
    return {
        source: "sent",
        by: undefined,
        senderKey: "ours",
        own: true,
        firstIndex: 0,
        claim: "none",
        machineFlag,
        real: true,
    };
}
