import { createHmac, generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";
import { unpadded } from "../entries/exported-session-key.ts";

/**
 * A Megolm session of which a test decides everything: the machines make none whose flag, sender or index could be
 * chosen. Good for 256 indices from the first one on, which is a multiple of that: there a step changes the ratchet's
 * last part only. Source: Matrix v1.19, olm-megolm, "Session sharing format" and "Session export format".
 */
export class MegolmSession {
    readonly firstIndex: number;
    readonly #ratchet = randomBytes(128);
    readonly #privateKey: KeyObject;
    readonly #publicKey: Buffer;

    constructor(firstIndex = 0) {
        this.firstIndex = firstIndex;
        const { privateKey, publicKey } = generateKeyPairSync("ed25519");
        this.#privateKey = privateKey;
        this.#publicKey = publicKey.export({ type: "spki", format: "der" }).subarray(-32);
    }

    get sessionId(): string {
        return unpadded(this.#publicKey);
    }

    /** What `m.room_key` carries. */
    sharedAt(index: number): string {
        const body = Buffer.concat([Buffer.from([2]), this.#at(index), this.#publicKey]);
        return unpadded(Buffer.concat([body, sign(null, body, this.#privateKey)]));
    }

    /** What a key export carries. */
    exportedAt(index: number): string {
        return unpadded(Buffer.concat([Buffer.from([1]), this.#at(index), this.#publicKey]));
    }

    #at(index: number): Buffer {
        let last = this.#ratchet.subarray(96);
        for (let at = this.firstIndex; at < index; at++)
            last = createHmac("sha256", last)
                .update(Buffer.from([3]))
                .digest();
        const counter = Buffer.alloc(4);
        counter.writeUInt32BE(index);
        return Buffer.concat([counter, this.#ratchet.subarray(0, 96), last]);
    }
}
