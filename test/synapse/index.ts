export { Synapse, type SynapseOptions, type SynapseUser } from "./homeserver.ts";
export { installSynapse, synapseVersion } from "./installation.ts";
