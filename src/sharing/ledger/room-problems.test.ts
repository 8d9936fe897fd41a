import { expect, test } from "vitest";
import type { Room } from "../../rooms/index.ts";
import { roomProblems } from "./room-problems.ts";

const open: Room = {
    roomId: "!room:home",
    membership: "join",
    encryption: "encrypted",
    visibility: "shared",
    joinedAt: 0,
    openSince: undefined,
    successor: undefined,
};

test.each<[string, Partial<Room>, boolean, string[]]>([
    ["nothing is missing", {}, true, []],
    ["world readable is open, too", { visibility: "world_readable" }, true, []],
    ["no power", {}, false, ["cannot_invite"]],
    ["closed history and no power", { visibility: "joined" }, false, ["visibility_not_shared", "cannot_invite"]],
    ["history from the invite on", { visibility: "invited" }, true, ["visibility_not_shared"]],
    ["a malformed visibility", { visibility: "unknown" }, true, ["visibility_malformed"]],
    ["a plain room", { encryption: "plain" }, true, ["not_encrypted"]],
    [
        "nothing is said of a room that is not known yet",
        { encryption: "unknown", visibility: "unknown" },
        false,
        ["state_unknown"],
    ],
])("%s", (_, room, canInvite, codes) => {
    expect(roomProblems({ ...open, ...room }, canInvite).map((problem) => problem.code)).toEqual(codes);
});
