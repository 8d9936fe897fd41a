import { createCipheriv, createHash, randomBytes } from "node:crypto";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { roomWithBot } from "../test/bot/index.ts";
import { Api } from "./api.ts";
import { median, milliseconds, table, verdict } from "./figures.ts";
import { importKeys, lagOf, setScene, startBot } from "./reinvites.ts";
import { peakMemory, type Stage } from "./stage.ts";

const sizes = [10_000, 100_000] as const;
/** About what an entry of a bundle weighs. */
const entryBytes = 529;
/** A file serves everybody until it is an hour old; so each round has a room of its own. */
const mostRounds = 2;

/**
 * From ten thousand sessions to a hundred thousand, and how near to reading, hashing, encrypting and uploading the same
 * bytes once.
 */
export async function linear(stage: Stage): Promise<void> {
    const { disposal, progress } = stage;
    const rounds = Math.min(stage.rounds, mostRounds);
    progress("starting Synapse and bot");
    const scene = await setScene(stage);
    const bot = await startBot(scene, disposal);
    const [person = ""] = await scene.invitees(1);
    const api = await Api.login(scene.synapse.url, await scene.synapse.register("floor"));
    const measured: { readonly size: number; readonly time: number; readonly floor: number; readonly lag: number }[] =
        [];
    for (const size of sizes) {
        const [times, floors, lags]: [number[], number[], number[]] = [[], [], []];
        for (let round = 1; round <= rounds; round += 1) {
            progress(`${size} sessions, round ${round} of ${rounds}: importing`);
            const roomId = await roomWithBot(scene.alice, bot, { greeted: false });
            await importKeys(bot, scene.sessions(roomId, size));
            progress(`${size} sessions, round ${round} of ${rounds}: inviting`);
            await lagOf(bot);
            times.push(await scene.reinvited(roomId, bot.userId, [person]));
            lags.push((await lagOf(bot)).bot);
            floors.push(await floor(api, size * entryBytes));
        }
        measured.push({ size, time: median(times), floor: median(floors), lag: Math.max(...lags) });
    }
    const [small, large] = measured;
    if (small === undefined || large === undefined) return;
    const growth = large.time / small.time / (large.size / small.size);
    console.log("\nFrom an invite to the re-invite, by the number of sessions\n");
    console.log(
        table([
            ["sessions", "time", "the same bytes once", "time / this", "limit", "", "main thread late at p99"],
            ...measured.map(({ size, time, floor: bytesOnce, lag }) => [
                String(size),
                milliseconds(time),
                milliseconds(bytesOnce),
                (time / bytesOnce).toFixed(2),
                size === large.size ? "2" : "",
                size === large.size ? verdict(time / bytesOnce, 2) : "",
                `${lag.toFixed(1)} ms ${verdict(lag, 20)}`,
            ]),
        ]),
    );
    console.log(
        `\nTen times the sessions take ${(growth * 10).toFixed(1)} times as long (limit 12: ${verdict(growth, 1.2)})`,
    );
    console.log(`Peak memory of the bot: ${peakMemory(bot.process.pid).toFixed(0)} MB`);
}

/** Milliseconds to read, encrypt, hash and upload so many bytes, with nothing else between. */
async function floor(api: Api, bytes: number): Promise<number> {
    const path = join(tmpdir(), `backscroll-floor-${process.pid}`);
    writeFileSync(path, randomBytes(bytes));
    const start = performance.now();
    const ciphertext = createCipheriv("aes-256-ctr", randomBytes(32), randomBytes(16)).update(readFileSync(path));
    createHash("sha256").update(ciphertext).digest();
    await api.call("POST", "/media/v3/upload", new Uint8Array(ciphertext));
    const took = performance.now() - start;
    rmSync(path);
    return took;
}
