import * as fc from "fast-check";
import { expect, test } from "vitest";
import { parseCreate, parseHistoryVisibility, parseMember, parsePowerLevels, parseTombstone } from "./index.ts";

test.each([
    [{ history_visibility: "shared" }, "shared"],
    [{ history_visibility: "world_readable" }, "world_readable"],
    [{ history_visibility: "SHARED" }, undefined],
    [{ history_visibility: ["shared"] }, undefined],
    [{}, undefined],
])("history visibility %o reads as %s", (content, visibility) => {
    expect(parseHistoryVisibility(content)).toBe(visibility);
});

test.each([
    [
        { membership: "invite", is_direct: true },
        { membership: "invite", isDirect: true },
    ],
    [
        { membership: "join", is_direct: "true" },
        { membership: "join", isDirect: false },
    ],
    [
        { membership: "join", displayname: "Alice" },
        { membership: "join", isDirect: false, displayName: "Alice" },
    ],
    [
        { membership: "join", displayname: null },
        { membership: "join", isDirect: false },
    ],
    [{ membership: "lurk" }, undefined],
    [{}, undefined],
])("member content %o reads as %o", (content, member) => {
    expect(parseMember(content)).toEqual(member);
});

test.each([
    [{ replacement_room: "!new:home" }, "!new:home"],
    [{ replacement_room: "#alias:home" }, undefined],
    [{ replacement_room: `!${"n".repeat(300)}` }, undefined],
    [{}, undefined],
])("tombstone %o names %s", (content, successor) => {
    expect(parseTombstone(content)).toBe(successor);
});

const sender = "@sender:home";
test.each([
    ["without a version, the creator key", { creator: "@c:home" }, ["@c:home"], false],
    ["version 10, the creator key", { room_version: "10", creator: "@c:home" }, ["@c:home"], false],
    ["version 11, the sender", { room_version: "11", creator: "@c:home" }, [sender], false],
    [
        "version 11 knows no additional creators",
        { room_version: "11", additional_creators: ["@d:home"] },
        [sender],
        false,
    ],
    [
        "version 12, sender and additional creators",
        { room_version: "12", additional_creators: ["@d:home", 5, sender] },
        [sender, "@d:home"],
        true,
    ],
    ["version 13", { room_version: "13" }, [sender], true],
    ["the unstable version 12", { room_version: "org.matrix.hydra.11" }, [sender], true],
    ["a version of an unknown kind", { room_version: "org.example.x" }, [sender], false],
    [
        "malformed throughout",
        { room_version: 12, creator: 5, additional_creators: "@d:home", predecessor: "!old:home" },
        [sender],
        false,
    ],
])("creators: %s", (_, content, creators, privilegedCreators) => {
    expect(parseCreate(content, sender)).toMatchObject({ creators, privilegedCreators });
});

test.each([
    ["nothing given", {}, { usersDefault: 0, invite: 0, kick: 50 }],
    [
        "strings, as old rooms have them",
        { invite: "50", kick: " +75 ", users_default: "-1" },
        { usersDefault: -1, invite: 50, kick: 75 },
    ],
    ["fractions are cut", { invite: 49.9 }, { usersDefault: 0, invite: 49, kick: 50 }],
])("power levels: %s", (_, content, levels) => {
    expect(parsePowerLevels(content)).toMatchObject(levels);
});

test.each([
    [{ invite: "fifty" }],
    [{ kick: null }],
    [{ users_default: {} }],
    [{ invite: Number.POSITIVE_INFINITY }],
    [{ invite: "" }],
])("power levels %o cannot be read", (content) => {
    expect(parsePowerLevels(content)).toBeUndefined();
});

test("users named like a prototype's property have the level that is written, others none of theirs", () => {
    const content = JSON.parse(`{"users": {"__proto__": 100, "@a:home": "50", "@b:home": null}}`) as Record<
        string,
        unknown
    >;
    expect([...(parsePowerLevels(content)?.users ?? [])]).toEqual([
        ["__proto__", 100],
        ["@a:home", 50],
    ]);
});

test("no content makes a reader throw", () => {
    const keys = [
        "history_visibility",
        "membership",
        "is_direct",
        "replacement_room",
        "room_version",
        "additional_creators",
        "predecessor",
        "users",
        "invite",
        "kick",
    ];
    const content = fc
        .array(fc.tuple(fc.constantFrom(...keys), fc.anything()))
        .map((entries) => Object.fromEntries(entries) as Record<string, unknown>);
    const readers = [
        parseHistoryVisibility,
        parseMember,
        parseTombstone,
        parsePowerLevels,
        (given: Record<string, unknown>) => parseCreate(given, sender),
    ];
    const readAll = (given: Record<string, unknown>): void => readers.forEach((read) => read(given));
    expect(() => fc.assert(fc.property(content, readAll), { numRuns: 1000 })).not.toThrow();
});
