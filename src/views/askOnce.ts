import type { AskTurn } from "../shared/messages.js";
import type { AskController, Asking } from "./askController.js";
import type { AskModel } from "./askModel.js";

interface Cancellation {
  onCancellationRequested(listener: () => void): { dispose(): unknown };
}

/** Asks through the same controller as the view, so that the answer is there too. */
export async function askOnce(
  controller: AskController,
  model: AskModel,
  question: string,
  token: Cancellation,
  asking: Asking = {},
): Promise<AskTurn | undefined> {
  const stop = token.onCancellationRequested(() => controller.stop());
  try {
    await controller.ask(question, asking);
  } finally {
    stop.dispose();
  }
  return model.state.turns.at(-1);
}
