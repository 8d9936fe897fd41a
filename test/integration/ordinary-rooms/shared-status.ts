import { isDeepStrictEqual } from "node:util";
import type { Bot } from "../../bot/index.ts";
import { until } from "../../process/index.ts";

type StatusShown = Awaited<ReturnType<Bot["status"]>>;
type RoomShown = StatusShown["rooms"][number];
type JobShown = StatusShown["jobs"][number];

/** Milliseconds between two looks of one story. */
const everyMs = 500;

/** What `backscroll status` shows, for many stories at once: a command costs as much as a story. */
export class SharedStatus {
    readonly #bot: Bot;
    #underWay: Promise<StatusShown> | undefined;

    constructor(bot: Bot) {
        this.#bot = bot;
    }

    /** Waits until this is shown of the room. */
    async room(roomId: string, expected: Partial<RoomShown>): Promise<void> {
        await this.#shows("the room", expected, (status) => roomIn(status, roomId));
    }

    /** Waits until this is shown of the room's coverage. */
    async coverage(roomId: string, expected: Partial<NonNullable<RoomShown["coverage"]>>): Promise<void> {
        await this.#shows("the coverage", expected, (status) => roomIn(status, roomId)?.coverage);
    }

    /** Waits until this is shown of the newest job in the room, and answers it. */
    async job(roomId: string, expected: Partial<JobShown>): Promise<JobShown> {
        return await this.#shows("the job", expected, ({ jobs }) => jobs.find(({ room_id: id }) => id === roomId));
    }

    /** @throws with what is shown instead */
    async #shows<Shown extends object>(
        what: string,
        expected: Partial<Shown>,
        find: (status: StatusShown) => Shown | null | undefined,
    ): Promise<Shown> {
        let seen: Shown | undefined;
        const look = async (): Promise<Shown | undefined> => {
            seen = find(await this.#status()) ?? undefined;
            return isDeepStrictEqual({ ...seen, ...expected }, { ...seen }) ? seen : undefined;
        };
        try {
            return await until(what, look, { everyMs });
        } catch (cause) {
            const { output } = this.#bot.process;
            throw new Error(`${what} is ${JSON.stringify(seen)}; the bot's log:\n${output}`, { cause });
        }
    }

    async #status(): Promise<StatusShown> {
        this.#underWay ??= this.#bot.status().finally(() => {
            this.#underWay = undefined;
        });
        return await this.#underWay;
    }
}

function roomIn({ rooms }: StatusShown, roomId: string): RoomShown | undefined {
    return rooms.find(({ room_id: id }) => id === roomId);
}
