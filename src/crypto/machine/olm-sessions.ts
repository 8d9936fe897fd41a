import type { MachineContext } from "./context.ts";
import { countBeside, deleteLookedUp, type Lookup, watchWrites } from "./lookups.ts";

/** What the machine's store of Olm sessions is called. Its keys have two parts: the sender's, and the session's. */
const olmStore = "session";
/**
 * Olm sessions with one device, of whomever. The machine keeps all, and tries each on every message of that device
 * (0.3 ms each), so that a stranger could make a message cost minutes. The specification suggests four, and to drop
 * the least used; nobody can say which those are, so that there are more, and then all go.
 * Source: Matrix v1.19, "Recovering from undecryptable messages".
 */
const mostOfADevice = 50;
/** Events after which the machine is opened anew: of each sender that it heard of it keeps something in memory, 2 kB or so. */
const mostHeard = 20_000;

/**
 * Has the machine receive to-device events, which may begin Olm sessions. Whoever goes on with one that was dropped is
 * told to begin another, if we know the device. Belongs into the commit of what was received.
 */
export async function withFewOlmSessions<T>({ store, memory }: MachineContext, events: number, receive: () => Promise<T>): Promise<T> {
    const { value, lookups } = await watchWrites(store, receive);
    memory.heard += events;
    if (memory.heard > mostHeard) memory.outdated = true;
    const ofDevices = new Map<string, Lookup>();
    for (const lookup of lookups) if (lookup.store === olmStore) ofDevices.set(lookup.parts[0] ?? "", lookup);
    for (const lookup of ofDevices.values()) {
        if ((await countBeside(store, lookup)) <= mostOfADevice) continue;
        await deleteLookedUp(store, lookup);
        // It has them in memory, too.
        memory.outdated = true;
    }
    return value;
}
