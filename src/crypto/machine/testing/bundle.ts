import { randomBytes } from "node:crypto";
import { Attachment, EncryptedAttachment } from "@matrix-org/matrix-sdk-crypto-wasm";
import type { BundleRequest, CryptoPort, EncryptedBundle, EncryptedFile } from "../../port.ts";
import { packTimes, type SessionTime } from "../../session-times.ts";
import { AttachmentCipher } from "../bundle/attachment-cipher.ts";

interface BundleContent {
    readonly room_keys: readonly Record<string, unknown>[];
    readonly withheld: readonly Record<string, unknown>[];
}

export interface OpenedBundle extends EncryptedBundle {
    readonly file: EncryptedFile;
    readonly ciphertext: Uint8Array;
    readonly content: BundleContent;
}

export interface SealedFile {
    readonly file: EncryptedFile;
    readonly ciphertext: Uint8Array;
}

/** Encrypts a bundle as clients do. */
export function sealFile(content: string): SealedFile {
    const [key, iv] = [
        new Uint8Array(randomBytes(32)),
        new Uint8Array(Buffer.concat([randomBytes(8), Buffer.alloc(8)])),
    ];
    const cipher = new AttachmentCipher(key, iv);
    cipher.write(Buffer.from(content));
    const { pieces, sha256 } = cipher.finish();
    const file: EncryptedFile = {
        v: "v2",
        url: `mxc://home/${randomBytes(8).toString("hex")}`,
        key: {
            alg: "A256CTR",
            ext: true,
            k: Buffer.from(key).toString("base64url"),
            key_ops: ["encrypt", "decrypt"],
            kty: "oct",
        },
        iv: Buffer.from(iv).toString("base64").replaceAll("=", ""),
        hashes: { sha256 },
    };
    return { file, ciphertext: Buffer.concat(pieces) };
}

export type BundleWishes = Omit<Partial<BundleRequest>, "times"> & {
    readonly times?: readonly SessionTime[];
    /** Who was never in the room. */
    readonly strangers?: readonly string[];
};

/** Builds a room's bundle and opens it with the SDKs' own attachment code. */
export async function openBundle(
    crypto: Pick<CryptoPort, "buildBundle" | "setOutsiders">,
    roomId: string,
    { times = [], strangers = [], ...more }: BundleWishes = {},
): Promise<OpenedBundle> {
    const {
        key = new Uint8Array(randomBytes(32)),
        iv = new Uint8Array(Buffer.concat([randomBytes(8), Buffer.alloc(8)])),
    } = more;
    const limits = { maxSessions: 1_000_000, maxBytes: undefined, notBefore: undefined };
    await crypto.setOutsiders(roomId, strangers);
    const bundle = await crypto.buildBundle({ roomId, key, iv, limits, times: [packTimes(times)], ...more });
    const file: EncryptedFile = {
        v: "v2",
        url: "mxc://home/bundle",
        key: {
            alg: "A256CTR",
            ext: true,
            k: Buffer.from(key).toString("base64url"),
            key_ops: ["encrypt", "decrypt"],
            kty: "oct",
        },
        iv: Buffer.from(iv).toString("base64").replaceAll("=", ""),
        hashes: { sha256: bundle.sha256 },
    };
    const ciphertext = Buffer.concat(bundle.pieces);
    const plaintext = Attachment.decrypt(new EncryptedAttachment(ciphertext, JSON.stringify(file)));
    return { ...bundle, file, ciphertext, content: JSON.parse(Buffer.from(plaintext).toString()) as BundleContent };
}
