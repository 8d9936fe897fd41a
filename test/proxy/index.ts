export type { Answer, Fault, Request, Script } from "./fault.ts";
export { type Exchange, Proxy } from "./proxy.ts";
