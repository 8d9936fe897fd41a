export { Bot, type WorkerFault } from "./bot.ts";
export { reinvited, roomWithBot } from "./room-with-bot.ts";
