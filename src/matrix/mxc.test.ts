import { expect, test } from "vitest";
import { parseMxc } from "./index.ts";

test.each([
    ["mxc://home/abc", "home", "abc"],
    ["mxc://matrix.org:8448/a_B-9", "matrix.org:8448", "a_B-9"],
    ["mxc://[::1]:80/x", "[::1]:80", "x"],
])("%s names a medium", (uri, serverName, mediaId) => {
    expect(parseMxc(uri)).toEqual({ serverName, mediaId });
});

test.each([
    ["mxc://../x"],
    ["mxc://./x"],
    ["mxc://home/.."],
    ["mxc://home"],
    ["mxc:///x"],
    ["mxc://home/a/b"],
    ["mxc://home/x?y"],
    ["mxc://%2e%2e/x"],
    ["mxc://ho\u{1b}me/x"],
    ["https://home/x"],
    [`mxc://home/${"x".repeat(256)}`],
])("%s names none", (uri) => {
    expect(parseMxc(uri)).toBeUndefined();
});
