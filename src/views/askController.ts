/**
 * Questions of one window, from the click to the last step. Knows no editor: what it needs of one
 * comes in as `AskHost`, so that the whole flow runs in a unit test over the fake engine.
 */
import type { AskEvent } from "../ask/askEvents.js";
import { GREEDY, type Asked, type ConnectedParts, type Question } from "../ask/askParts.js";
import { largestFolders, OverBudgetError } from "../ask/budget.js";
import { estimateMs, type ReadMode } from "../ask/readingPlan.js";
import { AskSession } from "../askSession.js";
import type { Turn } from "../shared/engineMessages.js";
import { BlocksightError, questionRunning } from "../shared/errors.js";
import type { AskTurn, PackEntry } from "../shared/messages.js";
import type { Pack } from "../shared/pack.js";
import { problemOf } from "../shared/problems.js";
import type { AskTrace } from "../trace/askTrace.js";
import { readingActivity, type AskModel } from "./askModel.js";
import { packState, PackTree } from "./packTree.js";
import { suggestedQuestions } from "./suggestedQuestions.js";

/** What goes into the pack besides the settings. */
export interface PackSelection {
  /** Folders ending in "/" and files; empty for everything. */
  readonly scope: readonly string[];
  readonly leftOut: readonly string[];
}

export interface AskSettings {
  readonly read: ReadMode;
  readonly maxTokens: number;
  readonly temperature: number;
  readonly budgetTokens: number | undefined;
  readonly readInBackground: boolean;
}

export interface AskHost {
  readonly connect: (selection: () => PackSelection) => Promise<ConnectedParts>;
  readonly settings: () => AskSettings;
  readonly newId: () => string;
  /** The running question's trace has more steps. */
  readonly onTraced: (id: string, trace: AskTrace) => void;
  /** Keeps an answer and makes it the current one for evidence, marks and trees. */
  readonly onAnswered: (id: string, asked: Asked) => Promise<void>;
  /** Keeps a question that was stopped before anything was read for it. */
  readonly onStopped: (id: string, question: string) => Promise<void>;
  readonly onBug: (error: unknown) => void;
  readonly saveLeftOut: (leftOut: readonly string[]) => void;
}

interface Connected {
  readonly parts: ConnectedParts;
  readonly session: AskSession;
}

/** Of a question that another surface than the ask view asks. */
export interface Asking {
  /** Its own earlier turns, instead of those that the ask view shows. */
  readonly history?: readonly Turn[];
  readonly onText?: (text: string) => void;
}

interface About {
  readonly label: string;
  readonly text: string;
}

export class AskController {
  readonly tree = new PackTree();
  private connected: Promise<Connected> | undefined;
  private running: AbortController | undefined;
  private preparing: Promise<void> | undefined;
  /** Something of the choice of files has changed since the last pack was begun. */
  private isPackStale = false;
  /** From the click on: a question may have to wait for the first pack before it runs. */
  private asking: AbortController | undefined;
  /** Settles with the question in `asking`, and never rejects. */
  private askingEnds: Promise<unknown> = Promise.resolve();
  /** The answer is shown, and is being kept. */
  private isKeeping = false;
  private background: AbortController | undefined;
  private about: About | undefined;
  private pack: Pack | undefined;
  private limits: { readonly memoryTokens: number; readonly tokensPerSecond: number } | undefined;
  private lastQuestion = "";
  private leftOut: readonly string[];

  constructor(
    private readonly model: AskModel,
    private readonly host: AskHost,
    leftOut: readonly string[],
  ) {
    this.leftOut = leftOut;
  }

  get isBusy(): boolean {
    return this.running !== undefined;
  }

  /** Packs without asking: what the view shows before the first question. */
  prepare(): Promise<void> {
    return this.preparing ?? this.packAnew();
  }

  /**
   * Other folders are open, or the settings of the pack are others. Nothing is begun where nothing
   * was shown yet.
   */
  async choiceChanged(): Promise<void> {
    const { pack, problem } = this.model.state;
    const isShown = pack !== undefined || problem !== undefined || this.preparing !== undefined;
    if (isShown) await this.packAnew();
  }

  /** While a pack is made it is begun again; while a question runs this waits for its end. */
  private packAnew(): Promise<void> {
    this.isPackStale = true;
    if (this.preparing !== undefined) this.running?.abort();
    else if (this.asking === undefined && !this.isBusy) this.preparing = this.packUntilFresh();
    return this.preparing ?? Promise.resolve();
  }

  private async packUntilFresh(): Promise<void> {
    this.stopBackground();
    while (this.isPackStale) {
      this.isPackStale = false;
      this.model.setProblem(undefined);
      await this.exclusively(async (signal) => {
        this.model.setActivity({ kind: "starting" });
        const { session } = await this.connection();
        await session.prepare({ signal, onEvent: (event) => this.onEvent(event) });
      }).catch((error: unknown) => this.onProblem(error));
    }
    this.preparing = undefined;
    this.rest();
  }

  /**
   * A question that comes while the first pack is made waits for it; one that comes while another is
   * being stopped or kept waits for that. Beside a running question it is refused: `engineBusy`.
   */
  async ask(text: string, asking: Asking = {}): Promise<void> {
    while (this.isEnding()) await this.askingEnds;
    if (this.asking !== undefined) throw questionRunning();
    const stopper = new AbortController();
    this.asking = stopper;
    const ends = this.askAlone(text, asking, stopper).finally(() => {
      this.asking = undefined;
      this.isKeeping = false;
    });
    this.askingEnds = ends.catch(() => undefined);
    await ends;
    // A file or folder was switched meanwhile: the next question finds it packed.
    if (this.isPackStale) {
      void this.packAnew();
      return;
    }
    const isFailed = this.model.state.turns.at(-1)?.error !== undefined;
    const isWhole = !isFailed && !stopper.signal.aborted;
    if (isWhole && this.host.settings().readInBackground) void this.readOn();
  }

  private isEnding(): boolean {
    return this.asking !== undefined && (this.asking.signal.aborted || this.isKeeping);
  }

  private async askAlone(text: string, asking: Asking, stopper: AbortController): Promise<void> {
    this.stopBackground();
    this.model.setProblem(undefined);
    this.lastQuestion = text;
    const { turns, scope } = this.model.state;
    const id = this.host.newId();
    const shown = turns.filter(isAnswered).flatMap(historyOf);
    const history = asking.history ?? shown;
    this.model.startTurn(id, text, scope);
    await this.preparing;
    this.model.setActivity({ kind: "starting" });
    try {
      const asked = await this.exclusively(async (signal) => {
        const { session } = await this.connection();
        const question = this.question(text, history);
        let trace: AskTrace | undefined;
        const onEvent = (event: AskEvent): void => {
          this.onEvent(event);
          if (event.t === "traced") ({ trace } = event);
          if (event.t === "text") asking.onText?.(event.text);
          if (trace !== undefined && (event.t === "traced" || event.t === "text")) {
            this.host.onTraced(id, trace);
          }
        };
        return session.ask(question, { signal, onEvent });
      }, stopper);
      this.about = undefined;
      this.model.setScope(scope, undefined);
      this.model.finishTurn(asked.result);
      this.isKeeping = true;
      await this.host.onAnswered(id, asked);
    } catch (error) {
      this.onDeath(error);
      this.onOverBudget(error);
      this.reportBug(error);
      const problem = problemOf(error);
      if (problem !== undefined) {
        this.model.failTurn(problem);
        return;
      }
      this.model.stopTurn();
      await this.host.onStopped(id, text);
    }
  }

  /** Stops the native loop within one step or one chunk; what was read so far stays on screen. */
  stop(): void {
    this.asking?.abort();
    this.running?.abort();
    this.stopBackground();
  }

  /** Reads what was not in sight, at the lowest priority, until done or interrupted. */
  async readOn(): Promise<void> {
    if (this.isBusy || this.background !== undefined) return;
    await this.inBackground((session, signal) =>
      session.readOn({ signal, onEvent: (event) => this.onBackgroundEvent(event) }),
    );
  }

  /** After a save: packs again and reads the changed segments, so that the next question starts at once. */
  async readSaved(paths: ReadonlySet<string>): Promise<void> {
    if (this.isBusy || this.connected === undefined) return;
    this.stopBackground();
    await this.inBackground((session, signal) =>
      session.readChanged(paths, { signal, onEvent: (event) => this.onBackgroundEvent(event) }),
    );
  }

  newConversation(): void {
    this.stop();
    this.about = undefined;
    this.model.setScope([], undefined);
    this.model.clearTurns();
    this.model.setProblem(undefined);
  }

  retry(): Promise<void> {
    const { turns } = this.model.state;
    if (turns.at(-1)?.error !== undefined) this.model.dropTurn();
    return this.lastQuestion === "" ? this.prepare() : this.ask(this.lastQuestion);
  }

  /** A stopped question once more: in its place where nothing of an answer stands there. */
  async askAgain(id: string): Promise<void> {
    const { turns } = this.model.state;
    const turn = turns.find((other) => other.id === id);
    if (turn === undefined) return;
    if (turn === turns.at(-1) && turn.answer === "" && this.asking === undefined) {
      this.model.dropTurn();
    }
    await this.ask(turn.question);
  }

  askWithin(scope: readonly string[]): void {
    const { scope: old } = this.model.state;
    this.model.setScope([...new Set([...old, ...scope])], this.about?.label);
  }

  askAbout(about: About): void {
    this.about = about;
    this.model.setScope(this.model.state.scope, about.label);
  }

  /** Tokens of a text in the answering model; starts the engine where it is off. */
  async countTokens(text: string): Promise<number> {
    const { session } = await this.connection();
    return session.countTokens(text);
  }

  clearScope(path: string | undefined): void {
    if (path === undefined) this.about = undefined;
    const scope =
      path === undefined
        ? this.model.state.scope
        : this.model.state.scope.filter((p) => p !== path);
    this.model.setScope(scope, this.about?.label);
  }

  async setIncluded(path: string, included: boolean): Promise<void> {
    const others = this.leftOut.filter((entry) => entry !== path && !entry.startsWith(path));
    this.leftOut = included ? others : [...others, path];
    this.host.saveLeftOut(this.leftOut);
    await this.packAnew();
  }

  listFolder(folder: string): readonly PackEntry[] {
    return this.tree.list(folder, this.leftOut);
  }

  /** Ends the engine process; the next question starts another. */
  async restart(): Promise<void> {
    this.stop();
    await this.disconnect();
    this.model.setProblem(undefined);
    await this.packAnew();
  }

  async dispose(): Promise<void> {
    this.stop();
    await this.disconnect();
  }

  private question(text: string, history: readonly Turn[]): Question {
    const { read, maxTokens, temperature, budgetTokens } = this.host.settings();
    return {
      text: this.about === undefined ? text : `${text}\n\n${this.about.text}`,
      history,
      read,
      maxTokens,
      sampling: { ...GREEDY, temperature },
      ...(budgetTokens === undefined ? {} : { budgetTokens }),
    };
  }

  private async connection(): Promise<Connected> {
    this.connected ??= this.connect();
    this.connected.catch(() => (this.connected = undefined));
    return this.connected;
  }

  private async connect(): Promise<Connected> {
    this.model.setEngine({ phase: "starting" });
    const parts = await this.host.connect(() => ({
      scope: this.model.state.scope,
      leftOut: this.leftOut,
    }));
    return { parts, session: new AskSession(parts) };
  }

  private async disconnect(): Promise<void> {
    const old = this.connected;
    this.connected = undefined;
    this.model.setEngine({ phase: "off" });
    const ended = await old?.catch(() => undefined);
    await ended?.parts.dispose();
  }

  private async exclusively<T>(
    work: (signal: AbortSignal) => Promise<T>,
    running = new AbortController(),
  ): Promise<T> {
    if (this.running !== undefined) throw questionRunning();
    this.running = running;
    try {
      return await work(running.signal);
    } finally {
      this.running = undefined;
    }
  }

  private async inBackground(
    work: (session: AskSession, signal: AbortSignal) => Promise<void>,
  ): Promise<void> {
    const background = new AbortController();
    this.background = background;
    try {
      const { session } = await this.connection();
      await work(session, background.signal);
    } catch (error) {
      // A question that comes in between ends the background; anything else is said.
      if (!background.signal.aborted) this.onProblem(error);
    } finally {
      if (this.background === background) {
        this.background = undefined;
        this.rest();
      }
    }
  }

  /** Nothing is shown as under way, unless a question is. */
  private rest(): void {
    if (!this.isBusy) this.model.setActivity(undefined);
  }

  private stopBackground(): void {
    this.background?.abort();
    this.background = undefined;
  }

  private onEvent(event: AskEvent): void {
    if (event.t === "packed") this.onPacked(event.pack);
    else if (event.t === "opened") {
      const { name, quantization, kernels } = event.model;
      const detail = Object.entries(kernels)
        .map(([op, id]) => `${op}: ${id}`)
        .join("\n");
      this.model.setEngine({ phase: "ready", model: `${name} ${quantization}`, detail });
      const { memoryTokens, tokensPerSecond } = event;
      this.limits = { memoryTokens, tokensPerSecond };
      if (this.pack !== undefined) this.showPack(this.pack);
    }
    this.model.apply(event);
  }

  private onBackgroundEvent(event: AskEvent): void {
    if (this.isBusy) return;
    if (event.t === "packed") this.onPacked(event.pack);
    if (event.t === "reading") this.model.setActivity(readingActivity(event, true));
  }

  private onPacked(pack: Pack): void {
    this.tree.update(pack);
    this.model.setPaths(new Set(pack.files.map(({ path }) => path)));
    this.pack = pack;
    this.showPack(pack);
    if (this.model.state.suggestions.length === 0) {
      this.model.setSuggestions(suggestedQuestions(pack));
    }
  }

  /** Budget and time are known once the model is open; a later pack has them at once. */
  private showPack(pack: Pack): void {
    const { limits } = this;
    const budgetTokens = this.host.settings().budgetTokens ?? limits?.memoryTokens ?? 0;
    const state = packState(pack, this.leftOut, budgetTokens);
    const isOver = budgetTokens > 0 && state.tokens > budgetTokens;
    this.model.setPack({
      ...state,
      ...(isOver ? { largest: largestFolders(pack) } : {}),
      ...(limits === undefined
        ? {}
        : { estimateMs: estimateMs(state.tokens, limits.tokensPerSecond) }),
    });
  }

  private onProblem(error: unknown): void {
    this.onDeath(error);
    this.onOverBudget(error);
    this.reportBug(error);
    const problem = problemOf(error);
    if (problem !== undefined) this.model.setProblem(problem);
  }

  /** The pack's panel opens by itself and asks what should be left out. */
  private onOverBudget(error: unknown): void {
    if (!(error instanceof OverBudgetError)) return;
    const { tokens, budgetTokens, folders } = error;
    this.pack = undefined;
    const none = { packing: false, files: 0, segments: 0, blocks: 0, paddingTokens: 0 };
    const largest = folders.map(({ path, tokens: weight }) => ({ path, tokens: weight }));
    const { leftOut } = this;
    this.model.setPack({ ...none, skipped: [], tokens, budgetTokens, leftOut, largest });
  }

  private reportBug(error: unknown): void {
    if (!(error instanceof BlocksightError) || error.code === "internal") this.host.onBug(error);
  }

  /** The engine's client starts a new process with the next request; until then it is off. */
  private onDeath(error: unknown): void {
    if (error instanceof BlocksightError && error.code === "engineKilled") {
      this.model.setEngine({ ...this.model.state.engine, phase: "failed" });
    }
  }
}

/** A turn that was stopped before its first word says nothing to the model. */
function isAnswered({ stopReason, answer }: AskTurn): boolean {
  return stopReason !== undefined && answer !== "";
}

function historyOf(turn: { readonly question: string; readonly answer: string }): Turn[] {
  return [
    { role: "user", text: turn.question },
    { role: "assistant", text: turn.answer },
  ];
}
