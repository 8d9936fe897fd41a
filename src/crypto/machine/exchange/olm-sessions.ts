import type { MachineContext } from "../store/context.ts";
import { besideOf, deleteRecord, nameOf, watchWrites } from "../store/lookups.ts";

/** What the machine's store of Olm sessions is called. Its keys have two parts: the sender's, and the session's. */
const olmStore = "session";
/**
 * Olm sessions with one device, of whomever. The machine keeps all, and tries each on every message of that device
 * (0.3 ms each), so that a stranger could make a message cost minutes. The specification suggests four, and to drop
 * the least used; nobody can say which those are. So there may be more, and then only those stay that the newest events
 * began or went on with: whoever writes to us now goes on.
 * Source: Matrix v1.19, "Recovering from undecryptable messages".
 */
const mostOfADevice = 50;
/**
 * Events after which the machine is opened anew: of each sender that it heard of it keeps something in memory, 2 kB or
 * so.
 */
const mostHeard = 20_000;

/**
 * Has the machine receive to-device events, which may begin Olm sessions. Whoever goes on with one that was dropped is
 * told to begin another, if we know the device. Belongs into the commit of what was received.
 */
export async function withFewOlmSessions<T>(
    { store, memory }: MachineContext,
    events: number,
    receive: () => Promise<T>,
): Promise<T> {
    const { value, lookups } = await watchWrites(store, receive);
    memory.heard += events;
    if (memory.heard > mostHeard) memory.outdated = true;
    const written = lookups.filter((lookup) => lookup.store === olmStore);
    for (const [, ofDevice] of Map.groupBy(written, ({ parts }) => parts[0])) {
        const [first] = ofDevice;
        const all = first === undefined ? [] : await besideOf(store, first);
        if (all.length <= mostOfADevice) continue;
        const stay = new Set([...new Set(ofDevice.map(nameOf))].slice(-mostOfADevice));
        for (const one of all) if (!stay.has(nameOf(one))) await deleteRecord(one);
        // It has them in memory, too.
        memory.outdated = true;
    }
    return value;
}
