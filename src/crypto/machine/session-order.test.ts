import { randomBytes } from "node:crypto";
import { DatabaseSync } from "node:sqlite";
import fc from "fast-check";
import { expect, test } from "vitest";
import { deriveSeal } from "../../sealing/index.ts";
import { closedByWordAlone } from "./entries/entry-rows.ts";
import { GivenEntries } from "./entries/given-entries.ts";
import { type Arrival, ReadyEntries } from "./entries/ready-entries.ts";
import { prepareTables } from "./tables.ts";
import { BOT, storeKey } from "./testing/bot.ts";
import { MegolmSession } from "./testing/megolm.ts";

const roomId = "!room:home";
const seal = deriveSeal(storeKey, "crypto rows");
const sessions = [new MegolmSession(), new MegolmSession()] as const;
const keyOf = (name: string): string => name.padEnd(43, "A");

const users = ["alice", "mallory", "stranger"] as const;
const which = fc.constantFrom(0 as const, 1 as const);
const index = fc.constantFrom(0, 2, 5);

/**
 * What may come, in any order. Of each giver, and of the operator, one copy of a session: what they say twice is theirs
 * to get right.
 */
const arrival = fc.oneof(
    {
        weight: 4,
        arbitrary: fc.record({
            what: fc.constant("sent" as const),
            which,
            by: fc.constantFrom(...users),
            index,
            claim: fc.constantFrom("true", "false", "absent", "absent"),
            machineFlag: fc.boolean(),
        }),
    },
    {
        weight: 1,
        arbitrary: fc.record({ what: fc.constant("import" as const), which, index, machineFlag: fc.boolean() }),
    },
    {
        weight: 2,
        arbitrary: fc.record({
            what: fc.constant("bundle" as const),
            which,
            by: fc.constantFrom("inviter", "mallory"),
            index,
            real: fc.boolean(),
        }),
    },
    {
        weight: 1,
        arbitrary: fc.record({
            what: fc.constant("closed" as const),
            which,
            by: fc.constantFrom("inviter", "mallory", "stranger"),
        }),
    },
    { weight: 2, arbitrary: fc.record({ what: fc.constant("owner" as const), which }) },
    { weight: 1, arbitrary: fc.record({ what: fc.constant("outsiders" as const) }) },
);
type Coming = typeof arrival extends fc.Arbitrary<infer T> ? T : never;

const nameOf = (coming: Coming): string =>
    JSON.stringify([
        coming.what,
        ...("which" in coming ? [coming.which] : []),
        ...("by" in coming && coming.what !== "sent" ? [coming.by] : []),
    ]);

/** A life of the store: what comes in each commit. */
class Store {
    readonly sql = new DatabaseSync(":memory:");

    constructor() {
        prepareTables(this.sql, { path: ":memory:", ...BOT }, seal);
    }

    /** Keys of one commit come together, everything else by itself. */
    take(commit: readonly Coming[]): void {
        const entries = new ReadyEntries(this.sql, seal, "ours");
        // The machine reports each sender's copy of a session once.
        for (const coming of commit) {
            if (coming.what === "sent" || coming.what === "import") entries.store([arrivalOf(coming)]);
            else this.#other(coming, entries);
        }
    }

    #other(coming: Exclude<Coming, { what: "sent" | "import" }>, entries: ReadyEntries): void {
        switch (coming.what) {
            case "owner":
                entries.setOwners([{ roomId, sessionId: sessions[coming.which].sessionId, userId: "@alice:home" }]);
                break;
            case "outsiders":
                entries.setOutsiders(roomId, ["@stranger:home"]);
                break;
            case "bundle": {
                const session = sessions[coming.which];
                const key = coming.real ? session.exportedAt(coming.index) : madeUp(session, coming.index);
                this.#given(coming.by).take([
                    { ...entryOf(session, "alice", key), forwarding_curve25519_key_chain: [] },
                ]);
                break;
            }
            case "closed":
                this.#given(coming.by).takeWithheld([
                    { sessionId: sessions[coming.which].sessionId, senderKey: keyOf("alice") },
                ]);
        }
    }

    #given(by: string): GivenEntries {
        return new GivenEntries(this.sql, seal, "ours", { roomId, giver: `@${by}:home` });
    }

    /** What newcomers would get. */
    outcome(): object {
        const { rows } = new ReadyEntries(this.sql, seal, "ours").following(roomId, 0, 100);
        const words = this.sql
            .prepare(
                `SELECT DISTINCT session_id FROM session_closings AS closed WHERE ${closedByWordAlone} ORDER BY session_id`,
            )
            .all();
        const entries = new Set(rows.map(({ verdict, json }) => `${verdict} ${Buffer.from(json).toString()}`));
        const givers = this.sql
            .prepare("SELECT session_id, by_user FROM ready_entries WHERE verdict <> 'aside' ORDER BY session_id")
            .all();
        return { entries, givers, words };
    }
}

const madeUpRatchet = randomBytes(128);

/** A key with the session's ID that is not its own. */
function madeUp(session: MegolmSession, from: number): string {
    const real = Buffer.from(session.exportedAt(from), "base64");
    return Buffer.concat([real.subarray(0, 5), madeUpRatchet, real.subarray(-32)])
        .toString("base64")
        .replaceAll("=", "");
}

function entryOf(session: MegolmSession, sender: string, sessionKey: string) {
    return {
        algorithm: "m.megolm.v1.aes-sha2" as const,
        room_id: roomId,
        sender_claimed_keys: { ed25519: keyOf(sender) },
        sender_key: keyOf(sender),
        session_id: session.sessionId,
        session_key: sessionKey,
    };
}

function arrivalOf(coming: Extract<Coming, { what: "sent" | "import" }>): Arrival {
    const session = sessions[coming.which];
    const sender = coming.what === "sent" ? coming.by : "alice";
    const entry = entryOf(session, sender, session.exportedAt(coming.index));
    const seen = { firstIndex: coming.index, machineFlag: coming.machineFlag, entry };
    if (coming.what === "import") return { source: "import", seen, heard: undefined };
    return { source: "sent", seen, heard: { claim: coming.claim, sender: `@${coming.by}:home`, at: 1 } };
}

test(
    "whatever comes, and in whatever order, each session ends with the same verdict, key, name and giver",
    { timeout: 90_000 },
    () => {
        const lives = fc
            .uniqueArray(arrival, {
                minLength: 2,
                maxLength: 10,
                selector: (coming) => (coming.what === "sent" ? coming : nameOf(coming)),
            })
            .chain((comings) =>
                fc.tuple(fc.constant(comings), fc.shuffledSubarray(comings, { minLength: comings.length })),
            );
        fc.assert(
            fc.property(lives, ([one, other]) => {
                const [first, second] = [new Store(), new Store()];
                first.take(one);
                second.take(other);
                expect(second.outcome()).toEqual(first.outcome());
            }),
            { numRuns: 400 },
        );
    },
);
