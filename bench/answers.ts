import { randomBytes } from "node:crypto";
import { inPieces } from "../src/due/index.ts";
import { claimText, queryAnswer, queryText, siftClaim, siftQuery } from "../src/matrix/index.ts";
import { median, table, verdict } from "./figures.ts";
import { type Pieces, piecesOf } from "./pieces.ts";
import type { Stage } from "./stage.ts";

const users = Array.from({ length: 1_000 }, (_, index) => `@person${index}:server${index % 50}.example`);
const devicesOfUser = 3;
/** Milliseconds of the main thread: for the whole answer, and between two turns of the event loop. */
const limits = { whole: 50, piece: 20 } as const;

/**
 * What it costs the main thread to sift what a thousand people's homeservers say of their keys: an honest answer, and
 * one that never fits.
 */
export async function answers({ rounds, progress }: Stage): Promise<void> {
    const honest = honestQuery();
    const deviceIds = new Map(
        users.map((userId) => [userId, Array.from({ length: devicesOfUser }, (_, number) => `DEVICE${number}`)]),
    );
    const malformed = {
        ...honest,
        device_keys: Object.fromEntries(users.map((userId) => [userId, { PHONE: { signatures: 5 } }])),
    };
    const query = async (answer: object): Promise<string> =>
        queryText([await inPieces(siftQuery(queryAnswer.parse(answer), users))]);
    const claim = honestClaim(deviceIds);
    const subjects: readonly (readonly [string, () => Promise<string>])[] = [
        ["/keys/query", () => query(honest)],
        ["/keys/query, every device malformed", () => query(malformed)],
        ["/keys/claim", async () => claimText([await inPieces(siftClaim(claim, deviceIds))])],
    ];
    const rows: (readonly string[])[] = [
        ["answer", "text", "main thread", `limit ${limits.whole} ms`, "longest piece", `limit ${limits.piece} ms`],
    ];
    for (const [what, sift] of subjects) {
        progress(what);
        const size = (await sift()).length;
        const measured: Pieces[] = [];
        for (let round = 0; round < rounds; round += 1) measured.push(await piecesOf(sift));
        const [took, longest] = [median(measured.map((one) => one.took)), median(measured.map((one) => one.longest))];
        rows.push([
            what,
            `${(size / 1_000_000).toFixed(1)} MB`,
            ms(took),
            verdict(took, limits.whole),
            ms(longest),
            verdict(longest, limits.piece),
        ]);
    }
    console.log(
        `\nWhat the homeservers of ${users.length} users with ${devicesOfUser} devices each say of their keys\n`,
    );
    console.log(table(rows));
}

function honestQuery() {
    const keyOf = (userId: string, usage: string) => {
        const key = base64(32);
        const signatures = { [userId]: { [`ed25519:${base64(32)}`]: base64(64), "ed25519:DEVICE0": base64(64) } };
        return { user_id: userId, usage: [usage], keys: { [`ed25519:${key}`]: key }, signatures };
    };
    const section = <T>(entry: (userId: string) => T) =>
        Object.fromEntries(users.map((userId) => [userId, entry(userId)]));
    return {
        device_keys: section((userId) =>
            Object.fromEntries(
                Array.from({ length: devicesOfUser }, (_, number) => [
                    `DEVICE${number}`,
                    device(userId, `DEVICE${number}`),
                ]),
            ),
        ),
        master_keys: section((userId) => keyOf(userId, "master")),
        self_signing_keys: section((userId) => keyOf(userId, "self_signing")),
        failures: {},
    };
}

function device(userId: string, deviceId: string) {
    return {
        user_id: userId,
        device_id: deviceId,
        algorithms: ["m.olm.v1.curve25519-aes-sha2", "m.megolm.v1.aes-sha2"],
        keys: { [`curve25519:${deviceId}`]: base64(32), [`ed25519:${deviceId}`]: base64(32) },
        signatures: { [userId]: { [`ed25519:${deviceId}`]: base64(64), [`ed25519:${base64(32)}`]: base64(64) } },
        unsigned: { device_display_name: "A client on a telephone" },
    };
}

function honestClaim(deviceIds: ReadonlyMap<string, readonly string[]>) {
    const keyOf = (userId: string, deviceId: string) => ({
        [`signed_curve25519:${base64(6)}`]: {
            key: base64(32),
            signatures: { [userId]: { [`ed25519:${deviceId}`]: base64(64) } },
        },
    });
    const ofUser = (userId: string, ids: readonly string[]) =>
        Object.fromEntries(ids.map((deviceId) => [deviceId, keyOf(userId, deviceId)]));
    return {
        one_time_keys: Object.fromEntries([...deviceIds].map(([userId, ids]) => [userId, ofUser(userId, ids)])),
        failures: {},
    };
}

const base64 = (bytes: number): string => randomBytes(bytes).toString("base64").replaceAll("=", "");
const ms = (value: number): string => `${value.toFixed(1)} ms`;
