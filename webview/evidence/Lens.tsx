/** Which layers and groups read the target in the chosen span. A click filters every panel. */
import { memo } from "preact/compat";
import { useRef, useState } from "preact/hooks";
import type { Dispatch } from "preact/hooks";
import type { JSX } from "preact";
import type { EvidenceModel, LensReads } from "../../src/shared/evidence.js";
import { decimal, t } from "../l10n.js";
import { shortPath } from "../ui/safeText.js";
import { modelOf, type EvidenceAction, type EvidenceState } from "./store.js";
import { nameOf } from "./summary.js";

/** Five heat steps, as in the editor's marks: enough to compare, and told apart in every theme. */
const LEVELS = 5;

export function Lens(props: {
  readonly state: EvidenceState;
  readonly lens: LensReads | undefined;
  readonly dispatch: Dispatch<EvidenceAction>;
}): JSX.Element {
  const { state, lens, dispatch } = props;
  const model = modelOf(state);
  const grid = useRef<HTMLDivElement>(null);
  const [cursor, setCursor] = useState(0);
  // The same function at every frame: the lanes are drawn again for new numbers only.
  const choose = useRef((lane: number, add: boolean): void => {
    setCursor(lane);
    dispatch({ t: "lane", lane, add });
  });
  if (model === undefined) return <section class="panel lens" />;
  const { denseLayers, sparseLayers, groups } = model;
  const lanes = sparseLayers * groups;

  return (
    <section class="panel lens" aria-labelledby="lens-title">
      <div class="panel-head">
        <h2 id="lens-title">{t("Layers × groups")}</h2>
        <span class="note">{targetWords(state)}</span>
      </div>
      <div class="lens-scroll">
        <div
          ref={grid}
          class="lens-grid"
          role="grid"
          aria-label={t("Mass by layer and group; Enter shows only one lane")}
          aria-activedescendant={`lane-${cursor}`}
          tabIndex={0}
          style={{
            gridTemplateColumns: `auto ${denseLayers > 0 ? "auto " : ""}repeat(${sparseLayers}, minmax(8px, 1fr))`,
          }}
          onKeyDown={(event) => {
            const next = movedLane(event.key, cursor, groups, lanes);
            if (next !== undefined) setCursor(next);
            else if (event.key === "Enter" || event.key === " ") {
              dispatch({ t: "lane", lane: cursor, add: event.ctrlKey || event.metaKey });
            } else return;
            event.preventDefault();
          }}
        >
          <Lanes
            model={model}
            lens={lens}
            chosen={state.lanes}
            cursor={cursor}
            onChoose={choose.current}
          />
        </div>
      </div>
      <p class="note lens-axis" aria-hidden="true">
        <span>{t("layer {0}", denseLayers)}</span>
        {model.questionHeads.length > 0 ? (
          <span class="head-legend">{t("question head")}</span>
        ) : null}
        <span>{t("layer {0}", denseLayers + sparseLayers - 1)}</span>
      </p>
    </section>
  );
}

const Lanes = memo(function Lanes(props: {
  readonly model: EvidenceModel;
  readonly lens: LensReads | undefined;
  readonly chosen: readonly number[] | undefined;
  readonly cursor: number;
  readonly onChoose: (lane: number, add: boolean) => void;
}): JSX.Element {
  const { model, lens, chosen, cursor, onChoose } = props;
  const { denseLayers, sparseLayers, groups, questionHeads } = model;
  const most = Math.max(...(lens?.mass ?? []), 1e-9);
  const heads = new Set(questionHeads.map(({ layer, group }) => layer * groups + group));
  const rows = Array.from({ length: groups }, (_, group) => group);
  const layers = Array.from({ length: sparseLayers }, (_, layer) => layer);
  return (
    <>
      {rows.map((group) => (
        <div key={group} role="row" class="lens-row">
          <span role="rowheader" class="lens-group">
            {t("g{0}", group)}
          </span>
          {denseLayers > 0 ? (
            <span
              role="gridcell"
              class="lens-dense"
              aria-label={t("{0} dense layers read everything", denseLayers)}
            >
              {group === 0 ? t("dense") : ""}
            </span>
          ) : null}
          {layers.map((layer) => {
            const lane = layer * groups + group;
            const mass = lens?.mass[lane] ?? 0;
            const level =
              mass <= 0 ? 0 : Math.min(LEVELS, Math.ceil(Math.sqrt(mass / most) * LEVELS));
            const words = laneWords(model, layer, group, mass);
            const isChosen = chosen?.includes(lane) === true;
            return (
              <span
                key={lane}
                id={`lane-${lane}`}
                role="gridcell"
                aria-selected={isChosen}
                aria-label={words}
                title={words}
                class={`lane level-${level}${isChosen ? " chosen" : ""}${heads.has(lane) ? " head" : ""}${lane === cursor ? " cursor" : ""}`}
                onClick={(event) => onChoose(lane, event.ctrlKey || event.metaKey)}
              />
            );
          })}
        </div>
      ))}
    </>
  );
});

function targetWords({ meta, file, block }: EvidenceState): string {
  if (file === undefined) return t("on all files");
  const path = shortPath(nameOf(meta?.files ?? [], file), 28);
  return block === undefined ? t("on {0}", path) : t("on a block of {0}", path);
}

function laneWords(model: EvidenceModel, layer: number, group: number, mass: number): string {
  return t("Layer {0}, group {1}: mass {2}", layer + model.denseLayers, group, decimal(mass, 3));
}

function movedLane(key: string, lane: number, groups: number, lanes: number): number | undefined {
  const by = { ArrowRight: groups, ArrowLeft: -groups, ArrowDown: 1, ArrowUp: -1 }[key];
  if (by === undefined) return undefined;
  const next = lane + by;
  return next < 0 || next >= lanes ? lane : next;
}
