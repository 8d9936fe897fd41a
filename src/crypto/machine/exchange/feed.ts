import type { DatabaseSync } from "node:sqlite";
import { BackupDecryptionKey, type OlmMachine, RequestType } from "@matrix-org/matrix-sdk-crypto-wasm";
import { z } from "zod";
import { entriesOf } from "../entries/entries-of.ts";
import { readSessionKey, unpadded } from "../entries/exported-session-key.ts";
import { readExportFlag } from "../entries/flags.ts";
import type { Arrival, SeenSession, SessionKey, SenderClaim } from "../entries/ready-entries.ts";
import { type MachineContext, Undone } from "../store/context.ts";
import { noteKeys } from "./sharing-signs.ts";
import type { RoomNews } from "./unknown-rooms.ts";

/** Never changes: another version or key would bring every session again. It names no backup on any server. */
const VERSION = "backscroll-feed";
const ACKNOWLEDGEMENT = JSON.stringify({ etag: "", count: 0 });

const requestSchema = z.object({
    rooms: z.record(
        z.string(),
        z.object({
            sessions: z.record(
                z.string(),
                z.object({
                    session_data: z.object({ ephemeral: z.string(), mac: z.string(), ciphertext: z.string() }),
                }),
            ),
        }),
    ),
});

const anObject = z.looseObject({});

const sessionSchema = z.object({
    algorithm: z.string(),
    sender_key: z.string(),
    session_key: z.string(),
    sender_claimed_keys: z.record(z.string(), z.string()),
});

interface HeardClaim {
    readonly key: SessionKey;
    readonly heard: SenderClaim;
}

/** What senders said in this batch, by session. */
export type Claims = ReadonlyMap<string, HeardClaim>;

/** Two senders' copies of one session came in one batch: the machine has kept one and dropped the other. */
export class CopiesMet extends Undone {}

/** That a key came. */
export function newsOf({ key: { roomId, sessionId }, heard: { sender } }: HeardClaim): RoomNews {
    return { kind: "key", roomId, sender, sessionId };
}

export function sessionName(key: SessionKey): string {
    return JSON.stringify([key.roomId, key.sessionId, key.senderKey]);
}

/**
 * The machine tells of new sessions through its backup pipeline only (nothing else exports one session), so it gets a
 * backup that exists nowhere but here. It forgets that at every reopening: call this first.
 */
export async function openFeed(machine: OlmMachine, privateKey: Uint8Array): Promise<BackupDecryptionKey> {
    const feed = BackupDecryptionKey.fromBase64(unpadded(privateKey));
    await machine.enableBackupV1(feed.megolmV1PublicKey.publicKeyBase64, VERSION);
    return feed;
}

/**
 * Takes every session that the machine has not told of yet into the ready entries, with the senders' claims, in the
 * caller's transaction, and out of the machine's store. Answers the rooms of whose sessions we now hold or know more.
 * @param claims what senders said in this batch; undefined: nothing was received
 * @param isKept whether what they sent is to be stored
 * @throws {CopiesMet}
 */
export async function drainFeed(
    context: MachineContext,
    sql: DatabaseSync,
    claims?: Claims,
    isKept: (one: RoomNews) => boolean = () => true,
): Promise<ReadonlySet<string>> {
    const entries = entriesOf(context, sql);
    const fed = new Map<string, SessionKey>();
    const rooms = new Set<string>();
    // One line for all: whoever sends keys does not say how many lines the log has.
    let leftOut = 0;
    for (;;) {
        const request = await context.machine.backupRoomKeys();
        if (request === undefined) break;
        const arrivals = [...readFeed(context, request.body)].flatMap((seen): readonly Arrival[] => {
            if (seen === undefined) {
                leftOut++;
                return [];
            }
            const { room_id: roomId, session_id: sessionId, sender_key: senderKey } = seen.entry;
            const key = { roomId, sessionId, senderKey };
            fed.set(sessionName(key), key);
            const heard = claims?.get(sessionName(key))?.heard;
            const source = heard !== undefined || senderKey === context.ownKey ? "sent" : "import";
            // The machine goes by the key alone: it came under another ID than its own, so that nobody can tell whose
            // word goes with it.
            if (source === "import" && claims !== undefined) {
                leftOut++;
                return [];
            }
            if (heard !== undefined && !isKept(newsOf({ key, heard }))) return [];
            rooms.add(roomId);
            // What an earlier version imported into the machine.
            return [{ source, seen, heard }];
        });
        entries.store(arrivals);
        noteKeys(sql, arrivals);
        await context.machine.markRequestAsSent(request.id, RequestType.KeysBackup, ACKNOWLEDGEMENT);
    }
    if (leftOut > 0)
        context.log.warn(
            { operation: "feed", count: leftOut },
            "left out room keys that came under another ID than their own",
        );
    if (fed.size > 0) await context.sessions.empty();
    const untold = [...(claims ?? [])].filter(([name]) => !fed.has(name)).map(([, claim]) => claim);
    if (untold.some(({ key }) => isUnderAnother(fed.values(), key))) throw new CopiesMet();
    const kept = untold.filter((claim) => isKept(newsOf(claim)));
    for (const { key, heard } of kept) if (entries.hear(key, heard)) rooms.add(key.roomId);
    return rooms;
}

/** Whether the machine has told of the session under another sender's key: then it has dropped this one's copy. */
function isUnderAnother(told: Iterable<SessionKey>, { roomId, sessionId, senderKey }: SessionKey): boolean {
    return [...told].some((key) => key.roomId === roomId && key.sessionId === sessionId && key.senderKey !== senderKey);
}

/** Yields undefined for a session whose ID is not the one of its key. */
function* readFeed(context: MachineContext, body: string): Generator<SeenSession | undefined> {
    for (const [roomId, room] of Object.entries(requestSchema.parse(JSON.parse(body)).rooms)) {
        for (const [sessionId, { session_data: data }] of Object.entries(room.sessions)) {
            const told = anObject.parse(JSON.parse(context.feed.decryptV1(data.ephemeral, data.mac, data.ciphertext)));
            const session = sessionSchema.parse(told);
            const key = readSessionKey(session.session_key);
            if (key?.sessionId !== sessionId) {
                yield undefined;
                continue;
            }
            // The machine's name for the flag has changed before: a version with another one must not close every
            // session.
            const machineFlag = readExportFlag(told) ?? false;
            yield {
                firstIndex: key.firstIndex,
                machineFlag,
                entry: { ...session, room_id: roomId, session_id: sessionId },
            };
        }
    }
}
