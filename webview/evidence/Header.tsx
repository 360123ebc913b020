import { useState } from "preact/hooks";
import type { Dispatch } from "preact/hooks";
import type { JSX } from "preact";
import type {
  EvidenceModel,
  ExportFormat,
  Filter,
  HeatMeasure,
} from "../../src/shared/evidence.js";
import { t } from "../l10n.js";
import { Select } from "../ui/controls.js";
import { Icon } from "../ui/icons.js";
import { safeText } from "../ui/safeText.js";
import type { EvidenceClient } from "./evidenceClient.js";
import { heatPicture } from "./heatPicture.js";
import { modelOf, type EvidenceAction, type EvidenceState } from "./store.js";
import { spanWords } from "./summary.js";

export function Header(props: {
  readonly state: EvidenceState;
  readonly dispatch: Dispatch<EvidenceAction>;
  readonly client: EvidenceClient;
  readonly filter: Filter;
}): JSX.Element {
  const { state, dispatch, client, filter } = props;
  const { meta } = state;
  const model = modelOf(state);
  if (meta === undefined || model === undefined) return <header />;
  const { sight } = meta;
  return (
    <header class="evidence-header">
      <div class="evidence-title">
        <h1>{safeText(meta.question)}</h1>
        <p class="note">
          {[
            `${safeText(model.name)} ${safeText(model.quantization)}`,
            model.indexSource === "trained" ? t("trained index") : t("index from keys"),
            t("in sight: {0} of {1} segments", sight.segments, sight.ofSegments),
            ...(meta.live ? [t("still answering")] : []),
          ].join("  ·  ")}
        </p>
      </div>
      <div class="evidence-tools">
        {meta.models.length < 2 ? null : (
          <Select
            label={t("Model")}
            value={state.model}
            options={meta.models.map(({ role }) => ({ value: role, label: roleLabel(role) }))}
            onChange={(role) => dispatch({ t: "model", model: role })}
          />
        )}
        <Select
          label={t("Color")}
          value={state.measure}
          options={measures()}
          onChange={(measure) => dispatch({ t: "measure", measure })}
        />
        <LaneChoice model={model} state={state} dispatch={dispatch} />
        {state.pins.map((pin, at) => (
          <span key={at} class="chip">
            <Icon name="pin" />
            {spanWords(pin.span)}
            <button
              type="button"
              class="chip-remove"
              aria-label={t("Remove pin: tokens {0} to {1}", pin.span.from + 1, pin.span.to)}
              onClick={() => dispatch({ t: "unpin", at })}
            >
              <Icon name="close" />
            </button>
          </span>
        ))}
        <ExportMenu client={client} filter={filter} canOpenFiles={meta.hasFiles} />
      </div>
    </header>
  );
}

export function measures(): { value: HeatMeasure; label: string }[] {
  return [
    { value: "mass", label: t("Attention mass") },
    { value: "selections", label: t("Times selected") },
    { value: "score", label: t("Index score") },
  ];
}

function roleLabel(role: EvidenceModel["role"]): string {
  return role === "coder" ? t("Coder") : t("Scout");
}

type LanePreset = "all" | "questionHeads" | "chosen";

function LaneChoice(props: {
  readonly model: EvidenceModel;
  readonly state: EvidenceState;
  readonly dispatch: Dispatch<EvidenceAction>;
}): JSX.Element {
  const { model, state, dispatch } = props;
  const heads = questionLanes(model);
  const isHeads = state.lanes !== undefined && state.lanes.join() === heads.join();
  const value: LanePreset =
    state.lanes === undefined ? "all" : isHeads ? "questionHeads" : "chosen";
  const options: { value: LanePreset; label: string }[] = [
    { value: "all", label: t("All {0} lanes", model.sparseLayers * model.groups) },
  ];
  if (heads.length > 0) options.push({ value: "questionHeads", label: t("Question heads") });
  if (value === "chosen") {
    options.push({ value: "chosen", label: t("{0} chosen", state.lanes?.length ?? 0) });
  }
  return (
    <Select
      label={t("Lanes")}
      value={value}
      options={options}
      onChange={(preset) => {
        if (preset !== "chosen")
          dispatch({ t: "lanes", lanes: preset === "all" ? undefined : heads });
      }}
    />
  );
}

function questionLanes({ questionHeads, groups }: EvidenceModel): number[] {
  const lanes = questionHeads.map(({ layer, group }) => layer * groups + group);
  return [...new Set(lanes)].sort((a, b) => a - b);
}

type ExportChoice = ExportFormat | "none";

function ExportMenu(props: {
  readonly client: EvidenceClient;
  readonly filter: Filter;
  readonly canOpenFiles: boolean;
}): JSX.Element {
  const [key, setKey] = useState(0);
  const formats: { value: ExportChoice; label: string }[] = [
    { value: "none", label: t("Export…") },
    { value: "png", label: t("Heat map as PNG") },
    { value: "csv", label: t("Files as CSV") },
    { value: "json", label: t("Result as JSON") },
    { value: "markdown", label: t("Answer as Markdown") },
    ...(props.canOpenFiles
      ? ([
          { value: "report", label: t("Report as HTML") },
          { value: "trace", label: t("Trace") },
        ] as const)
      : []),
  ];
  const save = async (format: ExportFormat): Promise<void> => {
    const bytes = format === "png" ? await heatPicture() : undefined;
    const request = { format, filter: props.filter };
    await props.client.request("export", bytes === undefined ? request : { ...request, bytes });
  };
  return (
    <Select
      key={key}
      label={t("Export")}
      hideLabel
      value="none"
      options={formats}
      onChange={(format) => {
        if (format !== "none") void save(format);
        setKey(key + 1); // back to the first entry
      }}
    />
  );
}
