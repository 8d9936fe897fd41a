export { bundleSentence, type ReceivedBundle, ReceivedBundles } from "./received-bundles.ts";
export { BundleReceiver, type ReceiverParts } from "./receiver.ts";
export { receivingSchema } from "./schema.ts";
