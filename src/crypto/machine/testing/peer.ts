import {
    CollectStrategy,
    DehydratedDeviceKey,
    DeviceId,
    DeviceLists,
    KeysClaimRequest,
    KeysQueryRequest,
    KeysUploadRequest,
    OlmMachine,
    type OutgoingRequest as MachineRequest,
    SignatureUploadRequest,
    ToDeviceRequest,
    UserId,
} from "@matrix-org/matrix-sdk-crypto-wasm";
import { z } from "zod";
import type { OutgoingKind } from "../../port.ts";
import { parseContent } from "../exchange/room-keys.ts";
import type { KeyServer } from "./key-server.ts";

/** Another person's client: a real OlmMachine in memory, on a fake key server. */
export class Peer {
    readonly machine: OlmMachine;
    readonly userId: string;
    readonly deviceId: string;
    readonly #server: KeyServer;

    private constructor(machine: OlmMachine, server: KeyServer) {
        this.machine = machine;
        this.userId = machine.userId.toString();
        this.deviceId = machine.deviceId.toString();
        this.#server = server;
    }

    /** A device with published keys, cross-signed by an identity of its own unless told otherwise. */
    static async join(
        server: KeyServer,
        userId: string,
        deviceId: string,
        options: { crossSigned: boolean } = { crossSigned: true },
    ): Promise<Peer> {
        const peer = new Peer(await OlmMachine.initialize(new UserId(userId), new DeviceId(deviceId)), server);
        await peer.exchange();
        if (options.crossSigned) await peer.resetIdentity();
        return peer;
    }

    get curve25519(): string {
        return this.machine.identityKeys.curve25519.toBase64();
    }

    async resetIdentity(): Promise<void> {
        const requests = await this.machine.bootstrapCrossSigning(true);
        this.#server.uploadSigningKeys(this.userId, requests.uploadSigningKeysRequest.body);
        this.#server.uploadSignatures(requests.uploadSignaturesRequest.body);
        await this.learn(this.userId);
    }

    /** Publishes a dehydrated device of this user's, signed by their identity. Answers its ID. Source: MSC3814. */
    async addDehydratedDevice(): Promise<string> {
        const device = await this.machine.dehydratedDevices().create();
        const { body } = await device.keysForUpload("dehydrated", DehydratedDeviceKey.createRandomKey());
        const { device_id: deviceId } = z.object({ device_id: z.string() }).parse(JSON.parse(body));
        this.#server.answer(this.userId, deviceId, { id: deviceId, kind: "keys_upload", body });
        return deviceId;
    }

    async exchange(): Promise<void> {
        for (const request of await this.machine.outgoingRequests()) await this.#send(request);
    }

    /** Asks for a user's devices and makes Olm sessions with them. */
    async learn(userId: string): Promise<void> {
        await this.#send(this.machine.queryKeysForUsers([new UserId(userId)]));
        const claim = await this.machine.getMissingSessions([new UserId(userId)]);
        if (claim) await this.#send(claim);
    }

    /** Encrypts a to-device event for one device and leaves it on the server. */
    async tell(userId: string, deviceId: string, type: string, content: object): Promise<void> {
        const device = await this.machine.getDevice(new UserId(userId), new DeviceId(deviceId));
        if (device === undefined) throw new Error(`${this.userId} does not know ${userId}`);
        const encrypted = parseContent(await device.encryptToDeviceEvent(type, content, CollectStrategy.allDevices()));
        this.#server.send(this.userId, "m.room.encrypted", { [userId]: { [deviceId]: encrypted } });
    }

    /** Takes what waits on the server; answers the decrypted events' JSON. */
    async sync(): Promise<string[]> {
        const events = this.#server.take(this.userId, this.deviceId);
        const processed = await this.machine.receiveSyncChanges(JSON.stringify(events), new DeviceLists(), new Map());
        return processed.map((event) => event.rawEvent);
    }

    async #send(request: MachineRequest): Promise<void> {
        const kind = kindOf(request);
        const { id, body } = request;
        if (id === undefined || kind === undefined) return;
        const toDevice =
            request instanceof ToDeviceRequest
                ? { toDevice: { eventType: request.event_type, txnId: request.txn_id } }
                : {};
        const answer = this.#server.answer(this.userId, this.deviceId, { id, kind, body, ...toDevice });
        await this.machine.markRequestAsSent(id, request.type, answer);
    }
}

function kindOf(request: MachineRequest): OutgoingKind | undefined {
    if (request instanceof KeysUploadRequest) return "keys_upload";
    if (request instanceof KeysQueryRequest) return "keys_query";
    if (request instanceof KeysClaimRequest) return "keys_claim";
    if (request instanceof ToDeviceRequest) return "to_device";
    return request instanceof SignatureUploadRequest ? "signature_upload" : undefined;
}
