import { expect, test } from "vitest";
import { UnreadableKeys } from "./unreadable-keys.ts";

const span = 'receive_to_device_event with sender="@mallory:evil"';

test("a long line that nearly tells of an unreadable flag holds up nobody", () => {
    const keys = new UnreadableKeys();
    const nearly = 'successfully decrypted but parsing JsonError(Error("invalid type: ';
    keys.heard(`${nearly.repeat(950)}${span}`);
    expect(keys.take()).toEqual([]);
    keys.heard(`${nearly.repeat(950)}, expected a boolean"${span}`);
    expect(keys.take()).toEqual(["@mallory:evil"]);
});
