import { expect, test } from "vitest";
import { type Claim, combineClaims, mergeFlags, readExportFlag, readClaim, verdict } from "./flags.ts";

const plain = "shared_history";
const stable = "m.shared_history";
const unstable = "org.matrix.msc3061.shared_history";

test.each([
    ["a yes", { [plain]: true }, "true"],
    ["a no", { [plain]: false }, "false"],
    ["nothing", {}, "absent"],
    ["the machine's name, which is the machine's to judge", { [stable]: true }, "absent"],
    ["a string", { [plain]: "true" }, "absent"],
    ["a number", { [plain]: 1 }, "absent"],
    ["null", { [plain]: null }, "absent"],
    ["an inherited flag", JSON.parse(`{"__proto__": {"${plain}": true}}`) as object, "absent"],
    ["a flag of the prototype", Object.create({ [plain]: true }) as object, "absent"],
])("an m.room_key with %s", (_, content, claim) => {
    expect(readClaim(content)).toBe(claim);
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
] as const)("two claims in one batch: %s", (_, one, other, expected) => {
    expect(combineClaims(one, other)).toBe(expected);
});

const at = (firstIndex: number, claim: Claim, machineFlag = false) => ({ firstIndex, claim, machineFlag });

test.each([
    ["a first copy takes the claim that came with it", undefined, { firstIndex: 0, machineFlag: false }, "true", ["true", false]],
    ["a first copy without a claim", undefined, { firstIndex: 0, machineFlag: true }, undefined, ["none", true]],
    ["a copy that reaches further back brings its yes", at(3, "false"), { firstIndex: 0, machineFlag: true }, "true", ["true", true]],
    ["a copy that reaches further back brings its no", at(3, "true"), { firstIndex: 0, machineFlag: false }, "false", ["false", false]],
    ["the same index again changes nothing", at(0, "false"), { firstIndex: 0, machineFlag: true }, "true", ["false", false]],
    ["a later index changes nothing", at(0, "false"), { firstIndex: 5, machineFlag: true }, "true", ["false", false]],
    [
        "an import that reaches further back leaves the sender's word",
        at(3, "false"),
        { firstIndex: 0, machineFlag: true },
        undefined,
        ["false", false],
    ],
    [
        "an import that reaches further back than another brings its flag",
        at(3, "none", true),
        { firstIndex: 0, machineFlag: false },
        undefined,
        ["none", false],
    ],
    ["the feed's repetition changes nothing", at(0, "none", true), { firstIndex: 0, machineFlag: false }, undefined, ["none", true]],
    ["what an import left open, the sender's yes decides", at(0, "none"), { firstIndex: 0, machineFlag: false }, "true", ["true", false]],
    [
        "what an import left open, the sender's no decides",
        at(0, "none", true),
        { firstIndex: 0, machineFlag: true },
        "false",
        ["false", true],
    ],
    [
        "what an import left open, the machine's flag of the sender's copy decides",
        at(0, "none"),
        { firstIndex: 0, machineFlag: true },
        "absent",
        ["absent", true],
    ],
    ["silence over an import's silence is no no", at(0, "none"), { firstIndex: 0, machineFlag: false }, "absent", ["none", false]],
] as const)("%s", (_, known, seen, claim, [expectedClaim, expectedFlag]) => {
    expect(mergeFlags(known, seen, claim)).toEqual({ claim: expectedClaim, machineFlag: expectedFlag });
});
