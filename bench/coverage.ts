import { setImmediate, setTimeout as sleep } from "node:timers/promises";
import { join } from "node:path";
import type { HeldSession } from "../src/crypto/index.ts";
import { type Database, openDatabase } from "../src/database/index.ts";
import { CoverageCount } from "../src/timeline/coverage-count.ts";
import { timelineSchema } from "../src/timeline/schema.ts";
import { SessionUses } from "../src/timeline/session-uses.ts";
import { TimelineRooms } from "../src/timeline/timeline-rooms.ts";
import { Timelines } from "../src/timeline/timelines.ts";
import { TemporaryFolder } from "../test/process/index.ts";
import { table, verdict } from "./figures.ts";
import { type Pieces, piecesOf } from "./pieces.ts";
import type { Stage } from "./stage.ts";

const room = "!room:home";
const week = 7 * 24 * 3_600_000;
/** As the crypto worker answers. */
const workersPage = 1_000;
const limit = 20;

/**
 * How long nobody else has a turn while the main thread counts what of a room is covered, and reads when each session
 * was used.
 */
export async function coverage({ sizes, disposal, progress }: Stage): Promise<void> {
    const folder = disposal.use(new TemporaryFolder("bench-coverage"));
    const rows = [["sessions", "what", "processor time", "piece (99 %)", "longest piece", `limit ${limit} ms`]];
    for (const size of sizes) {
        progress(`${size} sessions`);
        const database = openDatabase({ path: join(folder.path, `${size}.sqlite`), schemas: [timelineSchema] });
        disposal.defer(() => database.close());
        fill(database, size);
        const uses = new SessionUses(database);
        const measured: [string, Pieces, boolean][] = [
            ["nothing", await piecesOf(() => sleep(100)), true],
            ["times of its sessions", await piecesOf(() => new Timelines(database).sessionTimes(room)), true],
            ["as objects, at once", await piecesOf(() => [...uses.pages(room)].flat()), false],
            ["what is covered", await piecesOf(() => count(database, size)), true],
        ];
        for (const [what, { took, p99, longest }, bound] of measured)
            rows.push([`${size}`, what, ms(took), ms(p99), ms(longest), bound ? verdict(p99, limit) : ""]);
    }
    console.log(table(rows));
}

function fill(database: Database, size: number): void {
    database.transaction(() => {
        new TimelineRooms(database).add(room);
        const insert = database.sql.prepare(
            "INSERT INTO timeline_sessions (room_id, session_id, sender, first_at, events) VALUES (?, ?, ?, ?, 20)",
        );
        // Neither in the order of their times nor in that of their names.
        for (let index = 0; index < size; index += 1)
            insert.run(room, nameOf((index * 7_919) % size), `@${index % 50}:home`, index * week);
    });
}

const nameOf = (index: number): string => String(index).padStart(43, "0");

async function count(database: Database, size: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const log = { debug() {}, info() {}, warn: console.error, error() {}, child: () => log };
    const counting = new CoverageCount({
        database,
        crypto: {
            heldSessions: async (_, after) => {
                await setImmediate();
                const first = after === undefined ? 0 : Number(after) + 1;
                return Array.from({ length: Math.min(workersPage, size - first) }, (__, index) => held(first + index));
            },
            keyRefusals: () => Promise.resolve([]),
        },
        inviterWithoutBundle: () => undefined,
        keptToThemselves: () => {},
        counted: () => resolve(),
        monotonic: () => performance.now(),
        random: Math.random,
        rest: (milliseconds) => sleep(milliseconds),
        log,
    });
    counting.wake();
    await promise;
    await counting.stop();
}

function held(index: number): HeldSession {
    return {
        sessionId: nameOf(index),
        firstIndex: 0,
        verdict: index % 10 === 0 ? "withheld" : "shareable",
        given: index % 7 === 0,
    };
}

const ms = (value: number): string => `${value.toFixed(1)} ms`;
