import { writeSync } from "node:fs";
import { createInterface } from "node:readline";
import type { DatabaseSync } from "node:sqlite";
import { z } from "zod";
import type { CryptoStore } from "../store/context.ts";
import { inThisThread, TestBot } from "./bot.ts";
import { KeyServer } from "./key-server.ts";

/**
 * The bot's machine in a process that is there to be killed: `node receiver.ts STORE`. Takes batches, one JSON object a
 * line, and says a batch's number once the worker would have answered, which is when it is on the disk.
 */
const batch = z.object({
    number: z.number(),
    kind: z.enum(["receive", "import"]),
    items: z.array(z.unknown()),
    /** Where it kills itself: before its own rows are written, before the commit, or before the answer. */
    die: z.enum(["undone", "uncommitted", "unanswered"]).optional(),
});
export type Batch = z.infer<typeof batch>;

let die: Batch["die"];
const bot = new TestBot(await inThisThread(process.argv[2] ?? "", { wrap: deadly }), new KeyServer());
writeSync(1, "ready\n");
for await (const line of createInterface({ input: process.stdin })) {
    const { number, kind, items, die: where } = batch.parse(JSON.parse(line));
    die = where;
    await (kind === "receive" ? bot.receiveEvents(items) : bot.crypto.importRoomKeys(items));
    writeSync(1, `${number}\n`);
}

function deadly(inner: CryptoStore): CryptoStore {
    return {
        ...inner,
        atomically: async (work) => {
            const result = await inner.atomically(async (sql) => {
                const done = await work(die === "undone" ? deadlyAtFirstUse(sql) : sql);
                if (die === "uncommitted") kill();
                return done;
            });
            if (die === "unanswered") kill();
            return result;
        },
    };
}

/** The machine has decrypted, and now our own rows would follow. */
function deadlyAtFirstUse(sql: DatabaseSync): DatabaseSync {
    return new Proxy(sql, { get: kill });
}

function kill(): never {
    process.kill(process.pid, "SIGKILL");
    throw new Error("still alive");
}
