export { deriveKey, deriveSeal, type Seal, SealBroken } from "./seal.ts";
