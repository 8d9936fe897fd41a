import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { createIndexedDB } from "../../../indexeddb/index.ts";
import type { RoomKeyPage } from "../../port.ts";
import { BOT, inThisThread, TestBot } from "./bot.ts";
import { KeyServer } from "./key-server.ts";
import { MegolmSession } from "./megolm.ts";
import { Peer } from "./peer.ts";
import type { Batch } from "./receiver.ts";

const ROOM = "!room:home";
const receiver = fileURLToPath(new URL("receiver.ts", import.meta.url));
/** Each sender's spelling of the flag, and what a bundle may say of the session. */
const spellings: readonly (readonly [flag: object, shared: boolean])[] = [
    [{ shared_history: true }, true],
    [{ shared_history: false }, false],
    [{ "m.shared_history": true }, true],
    [{}, false],
];
const exported = z.array(z.looseObject({ session_id: z.string(), shared_history: z.boolean().optional() }));

type Flags = ReadonlyMap<string, boolean>;
type Sent = Batch & { readonly flags: Flags };

/** What a store holds after a kill. */
export interface Survivor {
    /** Of the full check. */
    readonly damage: readonly string[];
    /** Sessions that were acknowledged and are missing or have another flag. */
    readonly lost: readonly string[];
    /** Of a batch that was not acknowledged some sessions are there and some are not. */
    readonly torn: boolean;
}

/**
 * A real machine's store under a process that is killed again and again, while a real sender's room keys and key
 * exports come in.
 */
class KilledMachine {
    readonly #path: string;
    readonly #alice: Peer;
    readonly #server: KeyServer;
    readonly #acknowledged = new Map<string, boolean>();
    /** What no process has acknowledged: the homeserver and the person will send it again. */
    #pending: Sent | undefined;
    #number = 0;

    private constructor(path: string, alice: Peer, server: KeyServer) {
        this.#path = path;
        this.#alice = alice;
        this.#server = server;
    }

    static async begin(path: string): Promise<KilledMachine> {
        const server = new KeyServer();
        const bot = new TestBot(await inThisThread(path), server);
        await bot.publish();
        await bot.crypto.close();
        const alice = await Peer.join(server, "@alice:home", "ALICE");
        await alice.learn(BOT.userId);
        return new KilledMachine(path, alice, server);
    }

    get acknowledged(): number {
        return this.#acknowledged.size;
    }

    /**
     * Starts a process on the store, gives it batches, and sees it killed: at a place of its own choice, or at some
     * instant.
     */
    async killOne(die: Batch["die"] | "anywhere", kind: Batch["kind"]): Promise<Survivor> {
        const child = spawn(process.execPath, [receiver, this.#path], { stdio: ["pipe", "pipe", "inherit"] });
        const exited = once(child, "exit");
        const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
        child.stdin.on("error", () => undefined);
        // A third of those that are killed from outside does not come as far as its first batch.
        const killed = die === "anywhere" && Math.random() < 1 / 3 ? killSoon(child, 400) : undefined;
        await lines.next();
        const outside = die === "anywhere" ? (killed ?? killSoon(child, 150)) : undefined;
        for (let n = 0; child.exitCode === null && child.signalCode === null; n++) {
            const batch = (this.#pending ??= await this.#make(n === 0 ? "receive" : kind));
            const deadly = n > 0 && die !== "anywhere" && die !== undefined ? { die } : {};
            child.stdin.write(
                `${JSON.stringify({ number: batch.number, kind: batch.kind, items: batch.items, ...deadly })}\n`,
            );
            const { value, done } = await lines.next();
            if (done === true) break;
            if (Number(value) !== batch.number) throw new Error(`${value} was acknowledged, not ${batch.number}`);
            for (const [sessionId, flag] of batch.flags) this.#acknowledged.set(sessionId, flag);
            this.#pending = undefined;
        }
        await outside;
        await exited;
        if (child.signalCode !== "SIGKILL") throw new Error(`the receiver ended by itself, with ${child.exitCode}`);
        return this.#inspect();
    }

    async #inspect(): Promise<Survivor> {
        const store = createIndexedDB({ path: this.#path });
        const damage = store.check();
        store.close();
        const bot = new TestBot(await inThisThread(this.#path), this.#server);
        const held = new Map<string, boolean | undefined>();
        for (let after: number | undefined = 0; after !== undefined;) {
            const { sessions, next }: RoomKeyPage = await bot.crypto.exportRoomKeys(ROOM, after);
            after = next;
            for (const entry of exported.parse(sessions)) held.set(entry.session_id, entry.shared_history);
        }
        await bot.crypto.close();
        const lost = [...this.#acknowledged]
            .filter(([sessionId, flag]) => held.get(sessionId) !== flag)
            .map(([sessionId]) => sessionId);
        const found = [...(this.#pending?.flags.keys() ?? [])].filter((sessionId) => held.has(sessionId)).length;
        // An import is a commit for every hundred entries.
        const unit = this.#pending?.kind === "import" ? 100 : (this.#pending?.flags.size ?? 1);
        return { damage, lost, torn: found % unit !== 0 };
    }

    async #make(kind: Batch["kind"]): Promise<Sent> {
        const sessions = Array.from({ length: kind === "import" ? 300 : spellings.length }, () => new MegolmSession());
        const said = sessions.map((session, n) => ({
            session,
            spelling: spellings[n % spellings.length] ?? ([{}, false] as const),
        }));
        const number = ++this.#number;
        if (kind === "import") {
            const items = sessions.map((session) => exportEntry(session));
            return { number, kind, items, flags: new Map(sessions.map(({ sessionId }) => [sessionId, true])) };
        }
        for (const { session, spelling } of said) await this.#tell(session, spelling[0]);
        const flags = new Map(said.map(({ session, spelling }) => [session.sessionId, spelling[1]]));
        return { number, kind, items: this.#server.take(BOT.userId, BOT.deviceId), flags };
    }

    async #tell(session: MegolmSession, flag: object): Promise<void> {
        const { sessionId } = session;
        const content = {
            algorithm: "m.megolm.v1.aes-sha2",
            room_id: ROOM,
            session_id: sessionId,
            session_key: session.sharedAt(0),
        };
        await this.#alice.tell(BOT.userId, BOT.deviceId, "m.room_key", { ...content, ...flag });
    }
}

async function killSoon(child: { kill(signal: "SIGKILL"): boolean }, withinMs: number): Promise<void> {
    await sleep(Math.random() * withinMs);
    child.kill("SIGKILL");
}

const claimedKey = new MegolmSession().sessionId;

function exportEntry(session: MegolmSession): object {
    return {
        algorithm: "m.megolm.v1.aes-sha2",
        room_id: ROOM,
        sender_key: claimedKey,
        session_id: session.sessionId,
        session_key: session.exportedAt(0),
        sender_claimed_keys: { ed25519: claimedKey },
        forwarding_curve25519_key_chain: [],
        shared_history: true,
    };
}

/** Kills processes in every way by turns. */
export async function killMany(
    path: string,
    kills: number,
): Promise<{ readonly survivors: readonly Survivor[]; readonly acknowledged: number }> {
    const ways = ["anywhere", "undone", "uncommitted", "unanswered"] as const;
    const machine = await KilledMachine.begin(path);
    const survivors: Survivor[] = [];
    for (let n = 0; n < kills; n++) {
        survivors.push(
            await machine.killOne(ways[n % ways.length], Math.floor(n / ways.length) % 2 === 0 ? "receive" : "import"),
        );
    }
    return { survivors, acknowledged: machine.acknowledged };
}
