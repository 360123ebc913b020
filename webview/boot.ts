/** Reads what the page's maker wrote into `<body data-boot>`. */
import type { Boot } from "../src/shared/messages.js";

export function readBoot(): Boot {
  return JSON.parse(document.body.dataset["boot"] ?? "{}") as Boot;
}
