import { Attachment, EncryptedAttachment } from "@matrix-org/matrix-sdk-crypto-wasm";
import { expect, test } from "vitest";
import { encryptAgain, encryptFile } from "./encrypted-file.ts";

const plaintext = Buffer.from(JSON.stringify({ room_keys: [], withheld: [] }));

test("the SDKs' own attachment code decrypts it", () => {
    const { ciphertext, file } = encryptFile(plaintext, "mxc://home/file");
    const attachment = new EncryptedAttachment(ciphertext, JSON.stringify(file));
    expect(Buffer.from(Attachment.decrypt(attachment))).toEqual(plaintext);
});

test("two files share neither key nor IV", () => {
    const [one, other] = [encryptFile(plaintext, "mxc://home/one"), encryptFile(plaintext, "mxc://home/other")];
    expect(one.file.key.k).not.toBe(other.file.key.k);
    expect(one.file.iv).not.toBe(other.file.iv);
});

test("the same content comes out the same again, and no other content is encrypted under the same key", () => {
    const first = encryptFile(plaintext, "mxc://home/file");
    expect(encryptAgain(plaintext, first.file)).toEqual(first);
    expect(encryptAgain(Buffer.from("another bundle"), first.file)).toBeUndefined();
});
