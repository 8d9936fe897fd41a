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

const told = (claim: Claim, machineFlag = false) => ({ claim, machineFlag });

test.each([
    ["a first copy takes the claim that came with it", undefined, [false, "true"], told("true")],
    ["a first copy without a claim", undefined, [true, undefined], told("none", true)],
    ["a yes after a no changes nothing", told("false"), [true, "true"], told("false", true)],
    ["a no after a yes closes", told("true"), [false, "false"], told("false")],
    ["a no after the machine's yes closes", told("absent", true), [false, "false"], told("false", true)],
    ["a yes after silence opens", told("absent"), [false, "true"], told("true")],
    ["the machine's yes after silence opens", told("absent"), [true, "absent"], told("absent", true)],
    ["silence after a yes changes nothing", told("true"), [false, "absent"], told("true")],
    ["silence after the machine's yes changes nothing", told("absent", true), [false, "absent"], told("absent", true)],
    ["an import after a no changes nothing", told("false"), [true, undefined], told("false")],
    ["an import after silence changes nothing", told("absent"), [true, undefined], told("absent")],
    ["an import's yes after another's nothing opens", told("none"), [true, undefined], told("none", true)],
    [
        "an import's nothing after another's yes changes nothing",
        told("none", true),
        [false, undefined],
        told("none", true),
    ],
    ["what an import left open, the sender's yes decides", told("none"), [false, "true"], told("true")],
    ["what an import opened, the sender's no closes", told("none", true), [false, "false"], told("false")],
    ["what an import opened, the sender's silence closes", told("none", true), [false, "absent"], told("absent")],
    [
        "what an import left open, the machine's flag of the sender's copy decides",
        told("none"),
        [true, "absent"],
        told("absent", true),
    ],
] as const)("%s", (_, known, [machineFlag, claim], expected) => {
    expect(mergeFlags(known, machineFlag, claim)).toEqual(expected);
});
