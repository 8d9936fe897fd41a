export { Greeter } from "./greeter.ts";
export { chatSchema, Greetings } from "./greetings.ts";
