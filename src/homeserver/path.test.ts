import { expect, test } from "vitest";
import { path } from "./path.ts";

test.each([
    ["a room ID", "!room:example.org", "/rooms/!room%3Aexample.org/x"],
    ["slashes, question marks and hashes", "$a/b?c#d", "/rooms/%24a%2Fb%3Fc%23d/x"],
    ["a percent sign is not taken for an encoding", "%2e%2e", "/rooms/%252e%252e/x"],
    ["letters beyond ASCII", "@ж:x", "/rooms/%40%D0%B6%3Ax/x"],
    ["half a surrogate pair does not throw", "\ud800", "/rooms/%EF%BF%BD/x"],
    ["nothing", "", "/rooms//x"],
])("%s stays one segment", (_, identifier, expected) => expect(path`/rooms/${identifier}/x`).toBe(expected));

test.each([".", ".."])("the segment %s is refused, since URL parsers remove it", (segment) => {
    expect(() => path`/rooms/${segment}/x`).toThrow(TypeError);
});
