import { expect, test } from "vitest";
import { combineWords, mergeFlags, readExportFlag, readRoomKey, verdict } from "./flags.ts";

const plain = "shared_history";
const stable = "m.shared_history";
const unstable = "org.matrix.msc3061.shared_history";

test.each([
    ["the specification's name", { [plain]: true }, "true", false],
    ["the specification's no", { [plain]: false }, "false", false],
    ["the machine's name", { [stable]: true }, "absent", true],
    ["the machine's older name", { [unstable]: true }, "absent", true],
    ["the machine's no", { [stable]: false }, "absent", false],
    ["both, the plain one a no", { [plain]: false, [stable]: true }, "false", true],
    ["nothing", {}, "absent", false],
    ["a string", { [plain]: "true" }, "absent", false],
    ["a number", { [plain]: 1, [stable]: 1 }, "absent", false],
    ["null", { [plain]: null }, "absent", false],
    ["an inherited flag", JSON.parse(`{"__proto__": {"${plain}": true}}`) as object, "absent", false],
    ["a flag of the prototype", Object.create({ [plain]: true }) as object, "absent", false],
])("an m.room_key with %s", (_, content, claim, machineFlag) => {
    expect(readRoomKey(content)).toEqual({ claim, machineFlag });
});

test.each([
    ["the specification's name", { [plain]: true }, true],
    ["the machine's name", { [stable]: true }, true],
    ["the machine's older name", { [unstable]: true }, true],
    ["the machine's two names", { [stable]: true, [unstable]: true }, true],
    ["the machine's two names in dispute", { [stable]: true, [unstable]: false }, false],
    ["a plain yes against the machine's no", { [plain]: true, [stable]: false }, true],
    ["a plain no against the machine's yes", { [plain]: false, [stable]: true }, false],
    ["nothing", {}, undefined],
    ["no boolean anywhere", { [plain]: "yes", [stable]: 1, [unstable]: null }, undefined],
])("an export entry with %s", (_, entry, flag) => {
    expect(readExportFlag(entry)).toBe(flag);
});

test.each([
    ["the sender says yes, the machine missed it", "true", false, false, "shareable"],
    ["the sender says no, the machine thinks yes", "false", true, false, "withheld"],
    ["the sender says no", "false", false, false, "withheld"],
    ["the sender uses the machine's name", "absent", true, false, "shareable"],
    ["a real m.room_key without any yes", "absent", false, false, "withheld"],
    ["an import with the flag", "none", true, false, "shareable"],
    ["an import without it is nobody's no", "none", false, false, "unknown"],
    ["our own session of an open room", "none", true, true, "shareable"],
    ["our own session of a closed room", "none", false, true, "withheld"],
] as const)("%s", (_, claim, machineFlag, own, expected) => {
    expect(verdict({ claim, machineFlag }, own)).toBe(expected);
});

test.each([
    ["nothing before", undefined, "absent", "absent"],
    ["a no after a yes", "true", "false", "false"],
    ["a yes after a no", "false", "true", "false"],
    ["a yes after silence", "absent", "true", "true"],
    ["silence after a yes", "true", "absent", "true"],
    ["silence twice", "absent", "absent", "absent"],
] as const)("two words in one batch: %s", (_, one, other, expected) => {
    const word = (claim: "true" | "false" | "absent") => ({ claim, machineFlag: false });
    expect(combineWords(one === undefined ? undefined : word(one), word(other)).claim).toBe(expected);
});

const yes = { claim: "true", machineFlag: false } as const;
const no = { claim: "false", machineFlag: false } as const;

test.each([
    ["a first copy takes the word that came with it", undefined, { firstIndex: 0, machineFlag: false }, yes, "true", false],
    ["a first copy without a word", undefined, { firstIndex: 0, machineFlag: true }, undefined, "none", true],
    ["a copy that reaches further back brings its yes", { ...no, firstIndex: 3 }, { firstIndex: 0, machineFlag: true }, yes, "true", true],
    [
        "a copy that reaches further back brings its no",
        { ...yes, firstIndex: 3 },
        { firstIndex: 0, machineFlag: false },
        no,
        "false",
        false,
    ],
    ["the same index again changes nothing", { ...no, firstIndex: 0 }, { firstIndex: 0, machineFlag: true }, yes, "false", false],
    ["a later index changes nothing", { ...no, firstIndex: 0 }, { firstIndex: 5, machineFlag: true }, yes, "false", false],
    [
        "an import that reaches further back leaves the sender's word",
        { ...no, firstIndex: 3 },
        { firstIndex: 0, machineFlag: true },
        undefined,
        "false",
        false,
    ],
    [
        "silence is filled by the sender",
        { claim: "none", machineFlag: false, firstIndex: 0 },
        { firstIndex: 0, machineFlag: false },
        yes,
        "true",
        false,
    ],
    [
        "an import's yes is not undone by the sender's silence",
        { claim: "none", machineFlag: true, firstIndex: 0 },
        { firstIndex: 0, machineFlag: true },
        { claim: "absent", machineFlag: false },
        "absent",
        true,
    ],
    [
        "an import's silence is filled under the machine's name",
        { claim: "none", machineFlag: false, firstIndex: 0 },
        { firstIndex: 0, machineFlag: false },
        { claim: "absent", machineFlag: true },
        "absent",
        true,
    ],
] as const)("%s", (_, known, seen, word, claim, machineFlag) => {
    expect(mergeFlags(known, seen, word)).toEqual({ claim, machineFlag });
});
