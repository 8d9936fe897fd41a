import { Lookalikes, type Person } from "../src/sharing/policy/lookalike.ts";
import { median, table } from "./figures.ts";
import type { Stage } from "./stage.ts";

/** As people call themselves: plain, with accents, in other scripts, dressed up, in fancy letters. */
const firstNames = [
    "Alice",
    "Zoë",
    "Łukasz",
    "Борис",
    "अनिता",
    "愛子",
    "さくら",
    "أليس",
    "สมชาย",
    "Frank 🐸",
    "𝓜𝓲𝓪",
    "Jürgen (away)",
];
const visitor: Person = { userId: "@visitor:elsewhere", displayName: "Somebody Else" };

/** What it takes to look for whom of a room's members an invitee could be taken. */
export async function names({ sizes, rounds, progress }: Stage): Promise<void> {
    const rows = [["members", "the first look", "after a new name", "unchanged"]];
    for (const size of sizes) {
        progress(`${size} members`);
        const people = Array.from({ length: size }, (_, index) => personOf(index));
        const renamed = [{ userId: "@user0:home", displayName: "Another Name" }, ...people.slice(1)];
        const times = Array.from({ length: rounds }, () => {
            const lookalikes = new Lookalikes();
            const look = (revision: number, list: readonly Person[]) => () =>
                lookalikes.find(visitor, { roomId: "!room:home", revision, list: () => list });
            return [timeOf(look(1, people)), timeOf(look(2, renamed)), timeOf(look(2, renamed))];
        });
        rows.push([
            `${size}`,
            ...[0, 1, 2].map((column) => `${median(times.map((row) => row[column] ?? Number.NaN)).toFixed(2)} ms`),
        ]);
    }
    console.log(table(rows));
    await Promise.resolve();
}

function personOf(index: number): Person {
    return {
        userId: `@user${index}:server${index % 7}.org`,
        displayName: `${firstNames[index % firstNames.length] ?? ""} Miller ${index}`,
    };
}

/** Milliseconds by the processor: others use the machine, too. */
function timeOf(work: () => unknown): number {
    const before = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1_000;
}
