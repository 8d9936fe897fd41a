import type { DatabaseSync } from "node:sqlite";
import {
    type CrossSigningBootstrapRequests,
    DeviceId,
    type OtherUserIdentity,
    type OwnUserIdentity,
    UserId,
} from "@matrix-org/matrix-sdk-crypto-wasm";
import { z } from "zod";
import type { AccountKeys, CrossSigningSecrets, IdentityUploads, OutgoingRequest } from "../../port.ts";
import { attempt, commit, commitCall, type MachineContext, unwrap } from "../store/context.ts";
import { readMeta, writeMeta } from "../store/meta.ts";

/** The request that signs our own device is ours, not the machine's: it has this ID. */
const OWN_SIGNATURE = "own-device-signature";

const crossSigningKey = z.object({ keys: z.record(z.string(), z.string()) });
const signingKeysBody = z.object({ master_key: crossSigningKey });
const queryResponse = z.object({ master_keys: z.record(z.string(), z.unknown()).default({}) });

export async function account(context: MachineContext): Promise<AccountKeys> {
    const { machine, userId, deviceId, store } = context;
    const status = await machine.crossSigningStatus();
    const device = await machine.getDevice(new UserId(userId), new DeviceId(deviceId));
    const { masterKey, uploaded } = await store.atomically((sql) => ({
        masterKey: readMeta(sql, "master_key"),
        uploaded: readMeta(sql, "keys_uploaded"),
    }));
    return {
        userId,
        deviceId,
        curve25519: context.ownKey,
        ed25519: machine.identityKeys.ed25519.toBase64(),
        masterKey: masterKey ?? null,
        canSign: status.hasSelfSigning,
        crossSigned: device?.isCrossSignedByOwner() ?? false,
        fresh: uploaded === undefined,
    };
}

/**
 * An identity that was made and is not published yet is given out again, whatever `reset` says: the upload is one
 * request, repeated. A reset never gives out the published one, also where its keys were imported after an earlier
 * reset was cut short.
 */
export async function createIdentity(
    context: MachineContext,
    { reset }: { readonly reset: boolean },
): Promise<IdentityUploads> {
    const outcome = await commit(context, async (sql) => {
        const pending = readMeta(sql, "unpublished_master_key");
        const published = readMeta(sql, "master_key");
        let made = await attempt(() => context.machine.bootstrapCrossSigning(reset && pending === undefined));
        if (reset && made.ok && masterKeyIn(made.value) === published)
            made = await attempt(() => context.machine.bootstrapCrossSigning(true));
        if (made.ok && masterKeyIn(made.value) !== published)
            writeMeta(sql, "unpublished_master_key", masterKeyIn(made.value));
        return made;
    });
    const requests = unwrap(outcome);
    return {
        keysUpload: keysUpload(requests.uploadKeysRequest),
        signingKeys: requests.uploadSigningKeysRequest.body,
        signatures: requests.uploadSignaturesRequest.body,
    };
}

export async function exportIdentity({ machine }: MachineContext): Promise<CrossSigningSecrets | undefined> {
    const keys = await machine.exportCrossSigningKeys();
    const { masterKey: master, self_signing_key: selfSigning, userSigningKey: userSigning } = keys ?? {};
    if (master === undefined || selfSigning === undefined || userSigning === undefined) return undefined;
    return { master, selfSigning, userSigning };
}

export async function importIdentity(context: MachineContext, secrets: CrossSigningSecrets): Promise<boolean> {
    const { master, selfSigning, userSigning } = secrets;
    return commit(context, async (sql) => {
        const imported = await attempt(() => context.machine.importCrossSigningKeys(master, selfSigning, userSigning));
        if (!imported.ok) return false;
        const { hasMaster, hasSelfSigning, hasUserSigning } = imported.value;
        const complete = hasMaster && hasSelfSigning && hasUserSigning;
        if (complete) writeMeta(sql, "sign_own_device", "yes");
        return complete;
    });
}

export async function signOwnDevice(context: MachineContext): Promise<string> {
    const device = await context.machine.getDevice(new UserId(context.userId), new DeviceId(context.deviceId));
    if (device === undefined) throw new Error("The machine does not know its own device.");
    return (await commitCall(context, () => device.verify())).body;
}

export async function ownSignatureRequest(context: MachineContext): Promise<OutgoingRequest | undefined> {
    const due = await context.store.atomically((sql) => readMeta(sql, "sign_own_device"));
    return due === undefined
        ? undefined
        : { id: OWN_SIGNATURE, kind: "signature_upload", body: await signOwnDevice(context) };
}

/** Answers whether the request was ours. */
export async function acknowledgeOwnSignature(context: MachineContext, id: string): Promise<boolean> {
    if (id !== OWN_SIGNATURE) return false;
    await context.store.atomically((sql) => writeMeta(sql, "sign_own_device", undefined));
    return true;
}

/**
 * After a `/keys/query` that names us: our identity as the machine now holds it, checked by it, is the published one.
 */
export async function recordPublishedIdentity(
    context: MachineContext,
    sql: DatabaseSync,
    response: string,
): Promise<void> {
    // The machine reads more forgivingly than we do, and a throw in here would be taken for a broken disk.
    const published = queryResponse.safeParse(JSON.parse(response)).data?.master_keys;
    if (published === undefined || !Object.hasOwn(published, context.userId)) return;
    const masterKey = masterKeyOf(await context.machine.getIdentity(new UserId(context.userId)));
    const named = crossSigningKey.safeParse(published[context.userId]);
    if (masterKey === null || !named.success || keyOf(named.data) !== masterKey) return;
    writeMeta(sql, "master_key", masterKey);
    if (readMeta(sql, "unpublished_master_key") === masterKey) writeMeta(sql, "unpublished_master_key", undefined);
}

/** The master key of an identity that the machine holds, unpadded base64. */
export function masterKeyOf(identity: OwnUserIdentity | OtherUserIdentity | undefined): string | null {
    if (identity === undefined) return null;
    return keyOf(crossSigningKey.parse(JSON.parse(identity.masterKey)));
}

function masterKeyIn({ uploadSigningKeysRequest }: CrossSigningBootstrapRequests): string {
    return keyOf(signingKeysBody.parse(JSON.parse(uploadSigningKeysRequest.body)).master_key);
}

function keyOf(key: z.infer<typeof crossSigningKey>): string {
    const [value] = Object.values(key.keys);
    if (value === undefined) throw new Error("A cross-signing key without a key.");
    return value;
}

function keysUpload(request: unknown): OutgoingRequest | undefined {
    const parsed = z.object({ id: z.string(), body: z.string() }).safeParse(request);
    return parsed.success ? { ...parsed.data, kind: "keys_upload" } : undefined;
}
