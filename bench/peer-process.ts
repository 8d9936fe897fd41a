import { join } from "node:path";
import { Program } from "../test/process/index.ts";
import type { Synapse, SynapseUser } from "../test/synapse/index.ts";

export interface Peer {
    readonly user: SynapseUser;
    readonly pid: number;
    /** Imports a JSON list of room keys. */
    readonly importKeys: (path: string) => Promise<void>;
}

/** Starts the peer to beat (`peer.ts`) in a process of its own, as a new user. */
export async function startPeer(synapse: Synapse, disposal: AsyncDisposableStack): Promise<Peer> {
    const user = await synapse.register("peer");
    const args = [join(import.meta.dirname, "peer.ts"), synapse.url, user.localpart, user.password];
    const program = new Program({ name: "the peer", command: process.execPath, args });
    disposal.defer(async () => void (await program.kill()));
    await program.line((line) => line === "ready");
    const importKeys = async (path: string): Promise<void> => {
        program.write(path);
        await program.line((line) => line === "imported", 600_000);
    };
    return { user, pid: program.pid, importKeys };
}
