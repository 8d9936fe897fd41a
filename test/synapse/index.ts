export { Synapse, type SynapseOptions, type SynapseUser } from "./homeserver.ts";
export { installSynapse } from "./installation.ts";
