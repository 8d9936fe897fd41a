import type { TestProject } from "vitest/node";
import { type HomeserverAddress, Synapse } from "./index.ts";

declare module "vitest" {
    export interface ProvidedContext {
        /** The homeserver that the stories of a run share. */
        readonly homeserver: HomeserverAddress;
    }
}

/**
 * Before the first story: Synapse is installed, once for all and not in silence, and one is started for every story
 * that harms none.
 */
export async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
    const synapse = await Synapse.start({ progress: (line) => console.log(`[synapse] ${line}`) });
    provide("homeserver", synapse.address);
    return async () => await synapse[Symbol.asyncDispose]();
}
