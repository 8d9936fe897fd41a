export { Homeserver, type HomeserverAddress, type SynapseUser } from "./homeserver.ts";
export { Synapse, type SynapseOptions } from "./synapse.ts";
