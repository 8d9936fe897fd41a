import { createHash } from "node:crypto";
import type { DatabaseSync } from "node:sqlite";
import { CollectStrategy, type Device } from "@matrix-org/matrix-sdk-crypto-wasm";
import type { BundleDelivery, SealedDelivery, UserKeys } from "../port.ts";
import { attempt, commit, type MachineContext } from "./context.ts";
import { fileSchema } from "./file-schema.ts";
import { masterKeyOf } from "./identity.ts";
import { Outbox, type OutboxKey } from "./outbox.ts";
import { userIds } from "./receive.ts";
import { parseContent } from "./room-keys.ts";

type SealedDevice = Extract<SealedDelivery, { identity: "pinned" }>["devices"][number];

export async function userKeys(context: MachineContext, users: readonly string[]): Promise<readonly UserKeys[]> {
    return await inTurn(users, (userId) => keysOf(context, userId));
}

async function keysOf(context: MachineContext, userId: string): Promise<UserKeys> {
    const { masterKey, devices } = await knownOf(context, userId);
    return {
        masterKey,
        devices: devices.map((device) => ({
            deviceId: device.deviceId.toString(),
            crossSigned: device.isCrossSignedByOwner(),
            dehydrated: device.isDehydrated,
        })),
    };
}

/**
 * The pin check and the encryption are one step of the queue: no `/keys/query` can change an identity in between.
 * The machine itself would encrypt to a changed identity without a word.
 * @throws if a `file` lacks a field; nothing was encrypted then
 */
export async function sealBundles(context: MachineContext, deliveries: readonly BundleDelivery[]): Promise<readonly SealedDelivery[]> {
    // 1. Whose keys are these?
    const plans = await inTurn(deliveries, (delivery) => plan(context, delivery));
    // 2. One commit: each device's ratchet and the body that it made.
    return await commit(context, async (sql) => await inTurn(plans, (plan) => seal(context, sql, plan)));
}

export async function deliveriesSent(context: MachineContext, deliveryIds: readonly string[]): Promise<void> {
    await commit(context, (sql) => {
        const outbox = new Outbox(sql, context.seal);
        for (const deliveryId of deliveryIds) outbox.forget(deliveryId);
    });
}

export async function unsentDeliveries(context: MachineContext): Promise<readonly string[]> {
    return await commit(context, (sql) => new Outbox(sql, context.seal).deliveries());
}

interface Plan {
    readonly delivery: BundleDelivery;
    readonly content: object;
    readonly masterKey: string | null;
    readonly devices: readonly Device[];
}

async function plan(context: MachineContext, delivery: BundleDelivery): Promise<Plan> {
    const { userId, deviceIds } = delivery;
    const content = { room_id: delivery.roomId, file: fileSchema.parse(delivery.file) };
    const { masterKey, devices: known } = await knownOf(context, userId);
    const devices = known.filter(
        (device) => !device.isDehydrated && (deviceIds === undefined || deviceIds.includes(device.deviceId.toString())),
    );
    return { delivery, content, masterKey, devices };
}

async function seal(context: MachineContext, sql: DatabaseSync, plan: Plan): Promise<SealedDelivery> {
    const { delivery, content, masterKey } = plan;
    if (masterKey === null) return { identity: "none" };
    if (masterKey !== delivery.pinnedMasterKey) return { identity: "changed", masterKey };
    const devices = await inTurn(plan.devices, (device) => sealFor(context, sql, device, delivery, content));
    return { identity: "pinned", devices };
}

async function inTurn<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<readonly R[]> {
    const results: R[] = [];
    for (const item of items) results.push(await work(item));
    return results;
}

async function sealFor(
    context: MachineContext,
    sql: DatabaseSync,
    device: Device,
    delivery: BundleDelivery,
    content: object,
): Promise<SealedDevice> {
    const deviceId = device.deviceId.toString();
    if (!device.isCrossSignedByOwner()) return { deviceId, state: "not_cross_signed" };
    const outbox = new Outbox(sql, context.seal);
    const key: OutboxKey = {
        deliveryId: delivery.deliveryId,
        deviceId,
        deviceKey: device.curve25519Key?.toBase64() ?? "",
        fingerprint: fingerprint(delivery.userId, content),
    };
    const kept = outbox.find(key);
    if (kept !== undefined) return { deviceId, state: "sealed", content: parseContent(kept) };
    const strategy = CollectStrategy.identityBasedStrategy();
    const encrypted = await attempt(() => device.encryptToDeviceEvent("m.room_key_bundle", content, strategy));
    if (!encrypted.ok) return { deviceId, state: refusalState(context, encrypted.error) };
    outbox.keep(key, encrypted.value);
    return { deviceId, state: "sealed", content: parseContent(encrypted.value) };
}

/** What the machine knows of a user. One whose ID it refuses has nothing, and is nobody else's fault. */
async function knownOf({ machine, log }: MachineContext, userId: string): Promise<Pick<Plan, "masterKey" | "devices">> {
    const [user] = userIds([userId], log);
    if (user === undefined) return { masterKey: null, devices: [] };
    const masterKey = masterKeyOf(await machine.getIdentity(user));
    const devices = (await machine.getUserDevices(user)).devices();
    return { masterKey, devices: devices.filter((device) => !device.isDeleted()) };
}

/** What was sealed: a body is only given out again for the very same user, room and file. */
function fingerprint(userId: string, content: object): string {
    return createHash("sha256")
        .update(JSON.stringify([userId, content]))
        .digest("base64");
}

/** The machine has no codes for these. "withheld" is its own check of the signatures, which says no where ours did not. */
function refusalState({ log }: MachineContext, error: unknown): "no_session" | "not_cross_signed" | "error" {
    const message = String(error);
    if (/withheld/i.test(message)) return "not_cross_signed";
    if (/olm session/i.test(message)) return "no_session";
    log.warn({ operation: "seal_bundle", error: message }, "a device could not be encrypted to");
    return "error";
}
