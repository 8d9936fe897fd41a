import { installSynapse } from "./index.ts";

/** Before the first story: once for all, and not in silence. */
export async function setup(): Promise<void> {
    await installSynapse((line) => console.log(`[synapse] ${line}`));
}
