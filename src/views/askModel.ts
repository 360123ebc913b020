/**
 * The state behind the ask view, folded from what the session says. Knows neither editor nor page:
 * every change is a new `AskState`, and the view shows the last one it was sent.
 */
import type { AskEvent } from "../ask/askEvents.js";
import type { AskResult, FileRead } from "../shared/answer.js";
import type { ModelRole } from "../shared/model.js";
import type {
  Activity,
  AskState,
  AskTurn,
  EngineStatus,
  FileFocus,
  HistoryItem,
  PackState,
  Problem,
} from "../shared/messages.js";
import type { Phrase } from "../shared/phrase.js";
import { answerLinks, unknownPaths } from "./answerLinks.js";

/** Files named above an answer. */
const FILES_SHOWN = 6;
/** Less focus than this part of the first file's is not worth a line. */
const LEAST_PART = 0.04;

const EMPTY_STATE: AskState = {
  engine: { phase: "off" },
  problem: undefined,
  pack: undefined,
  about: undefined,
  activity: undefined,
  scope: [],
  turns: [],
  history: [],
  suggestions: [],
};

export class AskModel {
  private current: AskState = EMPTY_STATE;
  private answeringSince = 0;
  private answerTokens = 0;
  /** Paths of the pack, for links in the model's own text. */
  private paths: ReadonlySet<string> = new Set();

  constructor(
    private readonly onChange: (state: AskState) => void,
    private readonly now: () => number = () => performance.now(),
  ) {}

  get state(): AskState {
    return this.current;
  }

  setEngine(engine: EngineStatus): void {
    this.update({ engine });
  }

  setProblem(problem: Problem | undefined): void {
    this.update({ problem });
  }

  setActivity(activity: Activity | undefined): void {
    this.update({ activity });
  }

  setPack(pack: PackState | undefined): void {
    this.update({ pack });
  }

  setPaths(paths: ReadonlySet<string>): void {
    this.paths = paths;
  }

  setScope(scope: readonly string[], about: string | undefined): void {
    this.update({ scope, about });
  }

  setHistory(history: readonly HistoryItem[]): void {
    this.update({ history });
  }

  setSuggestions(suggestions: readonly Phrase[]): void {
    this.update({ suggestions });
  }

  clearTurns(): void {
    this.update({ turns: [] });
  }

  /** Shows an answer of the past as the only turn. */
  showPast(id: string, result: AskResult, changed: readonly string[]): void {
    this.update({ turns: [this.finished(emptyTurn(id, result.question, []), result, changed)] });
  }

  /** A question of the past that was stopped before there was anything to show. */
  showStopped(id: string, question: string): void {
    this.update({ turns: [{ ...emptyTurn(id, question, []), stopReason: "cancelled" }] });
  }

  startTurn(id: string, question: string, scope: readonly string[]): void {
    this.answerTokens = 0;
    this.update({ turns: [...this.current.turns, emptyTurn(id, question, scope)] });
    this.setActivity({ kind: "starting" });
  }

  /** What the session says of the running question. */
  apply(event: AskEvent): void {
    switch (event.t) {
      case "packing":
        this.setActivity({ kind: "packing", files: event.progress.files });
        return;
      case "opening":
        this.setActivity({ kind: "starting" });
        return;
      case "reading":
        this.setActivity(readingActivity(event, false));
        return;
      case "readingEnded":
        this.setActivity({ kind: "question" });
        return;
      case "scouted":
        this.updateTurn({ files: event.files.map(scoutedFile).filter(worthShowing) });
        return;
      case "questionRead":
        this.answeringSince = this.now();
        this.setActivity({ kind: "answering", tokens: 0, tokensPerSecond: 0 });
        this.updateTurn({ files: shownFiles(event.files), sight: event.sight });
        return;
      case "citation": {
        const { turns } = this.current;
        const citations = [...(turns.at(-1)?.citations ?? []), event.citation];
        this.updateTurn({ citations });
        return;
      }
      case "text": {
        this.answerTokens++;
        const seconds = Math.max((this.now() - this.answeringSince) / 1000, 1e-3);
        const tokensPerSecond = this.answerTokens / seconds;
        this.setActivity({ kind: "answering", tokens: this.answerTokens, tokensPerSecond });
        this.appendText(event.text);
        return;
      }
      case "notice": {
        const { turns } = this.current;
        this.updateTurn({ notices: [...(turns.at(-1)?.notices ?? []), event.notice] });
        return;
      }
      case "packed":
      case "opened":
      case "traced":
      case "readingStarts":
      case "done":
        return; // the controller's
    }
  }

  finishTurn(result: AskResult): void {
    const turn = this.current.turns.at(-1);
    if (turn !== undefined) this.replaceLast(this.finished(turn, result, []));
    this.setActivity(undefined);
  }

  failTurn(error: Problem): void {
    this.setActivity(undefined);
    this.updateTurn({ error });
  }

  /** Stopped before the pack was there: the question stays, so that it can be asked again. */
  stopTurn(): void {
    this.setActivity(undefined);
    this.updateTurn({ stopReason: "cancelled" });
  }

  dropTurn(): void {
    this.update({ turns: this.current.turns.slice(0, -1) });
  }

  markChanged(path: string): void {
    const turns = this.current.turns.map((turn) => {
      if (turn.changed.includes(path)) return turn;
      const isRead = turn.files.some((file) => file.path === path);
      const isCited = turn.citations.some((citation) => citation.path === path);
      if (!isRead && !isCited) return turn;
      const files = turn.files.map((f) => (f.path === path ? { ...f, changed: true } : f));
      return { ...turn, files, changed: [...turn.changed, path] };
    });
    this.update({ turns });
  }

  private finished(turn: AskTurn, result: AskResult, changed: readonly string[]): AskTurn {
    return {
      ...turn,
      error: undefined,
      answer: result.answer,
      links: answerLinks(result.answer, result.citations, this.pathsOf(result)),
      unknownPaths: unknownPaths(result.answer, result.citations, this.pathsOf(result)),
      citations: result.citations,
      files: shownFiles(result.files).map((f) => ({ ...f, changed: changed.includes(f.path) })),
      sight: result.sight,
      stopReason: result.stopReason,
      timings: result.timings,
      hasTrace: result.files.some(({ share }) => share > 0),
      changed,
    };
  }

  private pathsOf(result: AskResult): ReadonlySet<string> {
    return new Set(result.files.map(({ path }) => path));
  }

  private appendText(text: string): void {
    const turn = this.current.turns.at(-1);
    if (turn === undefined) return;
    const answer = turn.answer + text;
    const links = answerLinks(answer, turn.citations, this.paths);
    this.replaceLast({ ...turn, answer, links });
  }

  private updateTurn(change: Partial<AskTurn>): void {
    const turn = this.current.turns.at(-1);
    if (turn !== undefined) this.replaceLast({ ...turn, ...change });
  }

  private replaceLast(turn: AskTurn): void {
    this.update({ turns: [...this.current.turns.slice(0, -1), turn] });
  }

  private update(change: Partial<AskState>): void {
    this.current = { ...this.current, ...change };
    this.onChange(this.current);
  }
}

export function readingActivity(
  event: {
    readonly model: ModelRole;
    readonly segments: number;
    readonly ofSegments: number;
    readonly path: string;
    readonly doneTokens: number;
    readonly totalTokens: number;
    readonly tokensPerSecond: number;
  },
  background: boolean,
): Activity {
  const { model, segments, ofSegments, path, doneTokens, totalTokens, tokensPerSecond } = event;
  return {
    ...{ kind: "reading", model, background, segments, ofSegments },
    ...{ path, doneTokens, totalTokens, tokensPerSecond },
  };
}

function emptyTurn(id: string, question: string, scope: readonly string[]): AskTurn {
  return {
    id,
    question,
    scope,
    answer: "",
    links: [],
    unknownPaths: [],
    citations: [],
    files: [],
    hasTrace: false,
    changed: [],
    error: undefined,
    notices: [],
  };
}

/**
 * The first files by focus, each with the lines of its best block. Of a question that was stopped
 * before the answering model read it, what the scout thought of them.
 */
function shownFiles(files: readonly FileRead[]): FileFocus[] {
  if (!files.some(({ focus }) => focus > 0)) {
    return files
      .map(({ path, scoutFocus }) => scoutedFile({ path, scoutFocus: scoutFocus ?? 0 }))
      .sort((a, b) => b.focus - a.focus)
      .filter(worthShowing);
  }
  return files
    .map((file) => {
      const best = file.blocks.reduce<FileRead["blocks"][number] | undefined>(
        (most, block) => (most === undefined || block.focus > most.focus ? block : most),
        undefined,
      );
      const { startLine, endLine, symbols } = best ?? { startLine: 0, endLine: 0, symbols: [] };
      return { path: file.path, focus: file.focus, startLine, endLine, symbols, changed: false };
    })
    .filter(worthShowing);
}

function scoutedFile(file: { readonly path: string; readonly scoutFocus: number }): FileFocus {
  const { path, scoutFocus } = file;
  return { path, focus: scoutFocus, startLine: 0, endLine: 0, symbols: [], changed: false };
}

function worthShowing(file: FileFocus, index: number, all: readonly FileFocus[]): boolean {
  const most = all[0]?.focus ?? 0;
  return index < FILES_SHOWN && file.focus > 0 && (index === 0 || file.focus >= most * LEAST_PART);
}
