import { expect, test } from "vitest";
import { encryptedFile, newFileSecrets, secretsOf } from "./encrypted-file.ts";

test("a file's secrets can be read back from what a device is told", () => {
    const secrets = newFileSecrets();
    expect(secretsOf(encryptedFile("mxc://home/file", secrets, "hash"))).toEqual(secrets);
    expect([secrets.key.length, secrets.iv.length]).toEqual([32, 16]);
});

test("two files share neither key nor IV, and the counter starts at 0", () => {
    const [one, other] = [newFileSecrets(), newFileSecrets()];
    expect(one.key).not.toEqual(other.key);
    expect(one.iv).not.toEqual(other.iv);
    expect([...one.iv.subarray(8)]).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
});
