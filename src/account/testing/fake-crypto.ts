import { randomUUID } from "node:crypto";
import { z } from "zod";
import type {
    AccountKeys,
    CryptoPort,
    CrossSigningSecrets,
    Generation,
    IdentityUploads,
    OutgoingRequest,
} from "../../crypto/index.ts";

/**
 * A crypto store without cryptography, for faults between its commits: what it holds survives "restarts" as the real
 * store does. Signatures are names; the real machine is met in the integration tests.
 */
export class FakeCryptoStore {
    readonly ed25519 = `device-${randomUUID()}`;
    userId = "";
    deviceId = "";
    uploaded = false;
    /** The private identity, named by its master key. */
    identity: string | undefined;
    publishedMasterKey: string | null = null;
    crossSigned = false;
    signatureDue = false;
    opened = 0;
    generation: Generation = { value: 0, published: 0 };

    open(userId: string, deviceId: string): Promise<CryptoPort> {
        this.opened++;
        if (this.deviceId === "") [this.userId, this.deviceId] = [userId, deviceId];
        return Promise.resolve({ ...unusedPort, ...this.#port() });
    }

    #port(): Partial<CryptoPort> {
        return {
            account: () => Promise.resolve(this.#account()),
            createIdentity: ({ reset }) => Promise.resolve(this.#createIdentity(reset)),
            exportIdentity: () => Promise.resolve(this.identity === undefined ? undefined : secretsOf(this.identity)),
            importIdentity: ({ master }) => Promise.resolve(this.#importIdentity(master)),
            signOwnDevice: () => Promise.resolve(this.#signature()),
            outgoing: () => Promise.resolve(this.#outgoing()),
            markSent: (request, response) => Promise.resolve(this.#markSent(request, response)),
            generation: () => Promise.resolve(this.generation),
            setGeneration: (generation) => {
                this.generation = generation;
                return Promise.resolve();
            },
            keysQuery: () => Promise.resolve({ id: "query", kind: "keys_query", body: "{}" }),
        };
    }

    #account(): AccountKeys {
        const { userId, deviceId, ed25519, publishedMasterKey: masterKey, crossSigned } = this;
        const canSign = this.identity !== undefined && this.identity === masterKey;
        return { userId, deviceId, ed25519, curve25519: "c", masterKey, canSign, crossSigned, fresh: !this.uploaded };
    }

    #createIdentity(reset: boolean): IdentityUploads {
        const unpublished = this.identity !== undefined && this.identity !== this.publishedMasterKey;
        if (this.identity === undefined || (reset && !unpublished)) this.identity = `master-${randomUUID()}`;
        const signingKeys = JSON.stringify({ master_key: { keys: { [`ed25519:${this.identity}`]: this.identity } } });
        return { keysUpload: undefined, signingKeys, signatures: this.#signature() };
    }

    #importIdentity(master: string): boolean {
        if (master !== `private ${this.publishedMasterKey}`) return false;
        this.identity = this.publishedMasterKey ?? undefined;
        this.signatureDue = true;
        return true;
    }

    #signature(): string {
        return JSON.stringify({ signedBy: this.identity });
    }

    #outgoing(): readonly OutgoingRequest[] {
        const upload: OutgoingRequest = {
            id: "upload",
            kind: "keys_upload",
            body: JSON.stringify({ ed25519: this.ed25519 }),
        };
        const signature: OutgoingRequest = { id: "signature", kind: "signature_upload", body: this.#signature() };
        const claim: OutgoingRequest = { id: "claim", kind: "keys_claim", body: "{}" };
        return [...(this.uploaded ? [] : [upload]), ...(this.signatureDue ? [signature] : []), claim];
    }

    #markSent({ kind }: Pick<OutgoingRequest, "kind">, response: string): void {
        if (kind === "keys_upload") this.uploaded = true;
        if (kind === "signature_upload") this.signatureDue = false;
        if (kind === "keys_query") this.#takeQuery(queryAnswer.parse(JSON.parse(response)));
    }

    #takeQuery({ device_keys, master_keys }: z.infer<typeof queryAnswer>): void {
        this.publishedMasterKey = Object.values(master_keys[this.userId]?.keys ?? {})[0] ?? null;
        this.crossSigned = device_keys[this.userId]?.[this.deviceId]?.signed ?? false;
        // As the machine does: private keys that do not belong to the published identity are dropped.
        if (this.publishedMasterKey !== null && this.identity !== this.publishedMasterKey) this.identity = undefined;
    }
}

const queryAnswer = z.object({
    device_keys: z.record(z.string(), z.record(z.string(), z.object({ signed: z.boolean() }))),
    master_keys: z.record(z.string(), z.object({ keys: z.record(z.string(), z.string()) })),
});

function secretsOf(identity: string): CrossSigningSecrets {
    return { master: `private ${identity}`, selfSigning: `self ${identity}`, userSigning: `user ${identity}` };
}

function unused(): never {
    throw new Error("the account does not ask for this");
}

const unusedPort: CryptoPort = {
    account: unused,
    createIdentity: unused,
    exportIdentity: unused,
    importIdentity: unused,
    signOwnDevice: unused,
    receive: unused,
    outgoing: unused,
    markSent: unused,
    keysQuery: unused,
    keysClaim: unused,
    trackUsers: unused,
    shareRoomKey: unused,
    encryptRoomEvent: unused,
    rotate: unused,
    findVerificationRequests: unused,
    setOwners: unused,
    keySenders: unused,
    setOutsiders: unused,
    setRooms: unused,
    holdings: unused,
    heldSessions: unused,
    keyRefusals: unused,
    shareableSet: unused,
    buildBundle: unused,
    userKeys: unused,
    sealBundles: unused,
    deliveriesSent: unused,
    unsentDeliveries: unused,
    handOver: unused,
    roomsWithKeys: unused,
    copyStore: unused,
    commits: unused,
    generation: unused,
    setGeneration: unused,
    sharingSigns: unused,
    roomsWithSigns: unused,
    bundleOfferers: unused,
    offeredBundle: unused,
    takeBundle: unused,
    forgetOffer: unused,
    importRoomKeys: unused,
    exportRoomKeys: unused,
    forgetRoom: unused,
    checkNext: unused,
    ping: unused,
    close: unused,
};
