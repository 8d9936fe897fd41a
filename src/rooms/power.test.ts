import { expect, test } from "vitest";
import { parseCreate, parsePowerLevels } from "../matrix/index.ts";
import { mayInvite, mayKick, type PowerFacts } from "./power.ts";

const creator = "@creator:home";
const second = "@second:home";
const mod = "@mod:home";
const user = "@user:home";

type Content = Readonly<Record<string, unknown>>;
const facts = (version: string | undefined, levels: Content | "absent" | "unknown"): PowerFacts => ({
    creation:
        version === undefined
            ? undefined
            : parseCreate({ room_version: version, creator, additional_creators: [second] }, creator),
    levels: typeof levels === "string" ? levels : (parsePowerLevels(levels) ?? "unknown"),
});
const closed = { users: { [mod]: 50 }, invite: 50, kick: 50 };

test.each([
    ["no power levels: everybody", facts("10", "absent"), user, true],
    ["power levels without invite: everybody", facts("10", { users: { [mod]: 50 } }), user, true],
    ["invite 50: a moderator", facts("10", closed), mod, true],
    ["invite 50: not everybody", facts("10", closed), user, false],
    ["invite 50, users_default 50: everybody", facts("10", { ...closed, users_default: 50 }), user, true],
    ["invite 50 as a string: not everybody", facts("9", { invite: "50" }), user, false],
    ["invite 50: not the creator who gave the power away, before version 12", facts("11", closed), creator, false],
    ["invite 50: the creator in version 12", facts("12", closed), creator, true],
    ["invite 50: an additional creator in version 12", facts("12", closed), second, true],
    ["additional creators are nobody in version 11", facts("11", closed), second, false],
    ["unreadable levels: nobody", facts("10", { invite: {} }), user, false],
    ["unreadable levels: not even the creator, before version 12", facts("10", { invite: {} }), creator, false],
    ["unreadable levels: the creator in version 12", facts("12", { invite: {} }), creator, true],
    ["nothing seen: nobody", facts(undefined, "unknown"), creator, false],
])("who may invite: %s", (_, given, userId, expected) => {
    expect(mayInvite(given, userId)).toBe(expected);
});

test.each([
    ["no power levels: the creator", facts("10", "absent"), creator, user, true],
    ["no power levels: nobody else", facts("10", "absent"), user, mod, false],
    ["kick defaults to 50", facts("10", { users: { [mod]: 49 } }), mod, user, false],
    ["a moderator kicks a user", facts("10", closed), mod, user, true],
    ["nobody kicks an equal", facts("10", { users: { [mod]: 50, [user]: 50 } }), mod, user, false],
    [
        "no level is above a version 12 creator",
        facts("12", { users: { [mod]: 9_007_199_254_740_991 } }),
        mod,
        creator,
        false,
    ],
    ["nor is one creator above another", facts("12", closed), creator, second, false],
    ["a version 12 creator kicks anybody else", facts("12", { users: { [mod]: 100 } }), creator, mod, true],
    ["unreadable levels: nobody kicks", facts("10", { kick: [] }), mod, user, false],
])("who may kick: %s", (_, given, userId, targetId, expected) => {
    expect(mayKick(given, userId, targetId)).toBe(expected);
});
