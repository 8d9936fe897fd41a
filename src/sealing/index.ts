export { writeKeyFile } from "./key-file.ts";
export { deriveKey, deriveSeal, type Seal, SealBroken } from "./seal.ts";
